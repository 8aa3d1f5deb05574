import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/** A sealed text that cannot be opened: another key, another row, or changed. There is nothing to fall back to. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
  /** Id of the key it was sealed with, where that can be told. */
  readonly keyId: string | undefined;

  constructor(message: string, keyId?: string) {
    super(message);
    this.keyId = keyId;
  }
}

export interface KeyRing {
  /** Of the key that seals. */
  readonly currentId: string;
  readonly keyIds: readonly string[];
  /**
   * @param aad says where the text belongs: table, row and column. It opens nowhere else (KEY-02, INV-17).
   * @returns `v1.<key id>.<base64url of IV, ciphertext and tag>`
   */
  seal(plain: Uint8Array, aad: string): string;
  /** @throws SealBroken */
  open(sealed: string, aad: string): Buffer;
  /** Whether a text was sealed with the newest key. */
  isCurrent(sealed: string): boolean;
  /**
   * HMAC-SHA-256 under a key of its own for each purpose: the same on every replica, also while the ring is being changed.
   * @throws Error when the ring holds several keys and the root was not adopted yet.
   */
  mac(purpose: string, ...parts: (string | Uint8Array)[]): Buffer;
  /** The root that `mac` keys are derived from, once it was read from the database (see root.ts). */
  adoptRoot(root: Uint8Array): void;
  /** The root a new installation begins with. It is kept sealed in the database from then on, so that keys can come and go. */
  firstRoot(): Buffer;
}

const KEY_BYTES = 32;
/** 96 bits, drawn anew for each text. @see NIST SP 800-38D section 8.2.2 */
const IV_BYTES = 12;
const TAG_BYTES = 16;
const ENTRY = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]+={0,2})$/;

/**
 * Reads a key ring: `id:base64key`, comma-separated. The first seals, all of them open.
 * @throws Error with a sentence for the operator; it never repeats a key.
 */
export function loadKeyRing(text: string): KeyRing {
  const keys = parseKeys(text);
  const [first] = keys;
  if (first === undefined) throw new Error('The key ring is empty. It needs at least one id:base64key of 32 bytes.');
  const [currentId, currentKey] = first;
  const byId = new Map(keys);
  const oldestRoot = derive(keys.at(-1)?.[1] ?? currentKey, 'root');
  let root = keys.length === 1 ? oldestRoot : undefined;
  const macKeys = new Map<string, Buffer>();

  function macKey(purpose: string): Buffer {
    let key = macKeys.get(purpose);
    if (key === undefined) {
      if (root === undefined) throw new Error('The root of keyed hashes has not been read from the database.');
      key = derive(root, `mac ${purpose}`);
      macKeys.set(purpose, key);
    }
    return key;
  }

  return {
    currentId,
    keyIds: [...byId.keys()],
    seal: (plain, aad) => {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', currentKey, iv).setAAD(bound(currentId, aad));
      const sealed = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return `v1.${currentId}.${sealed.toString('base64url')}`;
    },
    open: (sealed, aad) => {
      const { keyId, body } = parseSealed(sealed);
      const key = byId.get(keyId);
      if (key === undefined) throw new SealBroken(`the key ring has no key ${keyId}`, keyId);
      const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
        .setAAD(bound(keyId, aad))
        .setAuthTag(body.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(body.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
      } catch {
        throw new SealBroken(`sealed with another key ${keyId}, or for another place`, keyId);
      }
    },
    isCurrent: (sealed) => sealed.startsWith(`v1.${currentId}.`),
    mac: (purpose, ...parts) => {
      const mac = createHmac('sha256', macKey(purpose));
      for (const part of parts) {
        // Each part with its length before it, so that no two lists of parts give the same bytes.
        const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
        const length = Buffer.alloc(4);
        length.writeUInt32BE(bytes.length);
        mac.update(length).update(bytes);
      }
      return mac.digest();
    },
    adoptRoot: (adopted) => {
      root = Buffer.from(adopted);
      macKeys.clear();
    },
    firstRoot: () => Buffer.from(oldestRoot),
  };
}

function parseKeys(text: string): [id: string, key: Buffer][] {
  const seen = new Set<string>();
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry, index) => {
      const [, id, encoded] = ENTRY.exec(entry) ?? [];
      const place = `Key ${index + 1} of the key ring`;
      if (id === undefined || encoded === undefined) throw new Error(`${place} is not of the form id:base64key.`);
      const key = Buffer.from(encoded, 'base64');
      if (key.length !== KEY_BYTES) throw new Error(`${place} (${id}) has ${key.length} bytes and not ${KEY_BYTES}.`);
      if (seen.has(id)) throw new Error(`The key ring holds two keys with the id ${id}.`);
      seen.add(id);
      return [id, key];
    });
}

function parseSealed(sealed: string): { keyId: string; body: Buffer } {
  const [version, keyId, encoded, ...rest] = sealed.split('.');
  if (version !== 'v1' || keyId === undefined || encoded === undefined || rest.length > 0) {
    throw new SealBroken('not a sealed text of a known version');
  }
  const body = Buffer.from(encoded, 'base64url');
  if (body.length < IV_BYTES + TAG_BYTES) throw new SealBroken('a sealed text that was cut short', keyId);
  return { keyId, body };
}

function bound(keyId: string, aad: string): Buffer {
  return Buffer.from(`v1.${keyId}.${aad}`, 'utf8');
}

/** @see RFC 5869 */
function derive(key: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, new Uint8Array(0), `countersign ${purpose}`, KEY_BYTES));
}
