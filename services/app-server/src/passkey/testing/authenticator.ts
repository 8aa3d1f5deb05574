import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import type { PasskeyAssertion, PasskeyOptions, PasskeyRegistration } from '@countersign/contracts';

/** What an honest browser and key would say, and what a test wants them to say instead. */
export interface Switches {
  /** User present, user verified, backup eligible, backed up. */
  up?: boolean;
  uv?: boolean;
  be?: boolean;
  bs?: boolean;
  /** What the key counted; 0 for one that does not count. */
  signCount?: number;
  origin?: string;
  rpId?: string;
  type?: string;
  challenge?: string;
  crossOrigin?: boolean;
  topOrigin?: string;
  /** Base64url; null: none is sent. */
  userHandle?: string | null;
  /** Answers with this passkey, and not with one that is allowed. */
  credentialId?: string;
  /** A bit of the signature is another. */
  spoiled?: boolean;
  /** COSE algorithm that the key claims to be of. */
  algorithm?: number;
  attestationFormat?: string;
  aaguid?: string;
  /** Says of which make it is: signed by its maker's key, or by the new one itself. */
  attestation?: Attestation | 'self';
}

/** What a maker puts into each key of a model. */
export interface Attestation {
  /** DER, leaf first. */
  chain: readonly Buffer[];
  privateKey: KeyObject;
}

interface Kept {
  credentialId: string;
  rpId: string;
  userHandle: string;
  privateKey: KeyObject;
  signCount: number;
  be: boolean;
  bs: boolean;
}

/**
 * A browser and a key in one, in software: makes passkeys (ES256, attestation `none`) and answers with them.
 * @see WebAuthn Level 3 sections 6.1 (authenticator data), 6.5 (attestation), 5.8.1 (client data)
 */
export class SoftwareAuthenticator {
  readonly #origin: string;
  readonly passkeys: Kept[] = [];

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** @param options as `navigator.credentials.create` is given them. */
  create(options: PasskeyOptions, how: Switches = {}): PasskeyRegistration {
    const asked = options as unknown as CreationOptions;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const credentialId = how.credentialId ?? randomBytes(32).toString('base64url');
    const kept: Kept = {
      credentialId,
      rpId: asked.rp.id,
      userHandle: asked.user.id,
      privateKey,
      signCount: how.signCount ?? 0,
      be: how.be ?? false,
      bs: how.bs ?? false,
    };
    this.passkeys.push(kept);
    const id = Buffer.from(credentialId, 'base64url');
    const length = Buffer.alloc(2);
    length.writeUInt16BE(id.length);
    const aaguid = Buffer.from((how.aaguid ?? 'aa'.repeat(16)).replaceAll('-', ''), 'hex');
    const attested = Buffer.concat([aaguid, length, id, coseKey(publicKey, how.algorithm ?? -7)]);
    const authData = authenticatorData(kept, how, kept.signCount, attested);
    const clientData = this.#clientData('webauthn.create', asked.challenge, how);
    const signed = Buffer.concat([authData, createHash('sha256').update(clientData).digest()]);
    const attestationObject = cborMap([
      [text('fmt'), text(how.attestationFormat ?? (how.attestation === undefined ? 'none' : 'packed'))],
      [text('attStmt'), packed(how.attestation, privateKey, signed)],
      [text('authData'), bytes(authData)],
    ]);
    return {
      id: credentialId,
      rawId: credentialId,
      type: 'public-key',
      response: {
        clientDataJSON: clientData.toString('base64url'),
        attestationObject: attestationObject.toString('base64url'),
        transports: ['internal'],
      },
      clientExtensionResults: {},
    };
  }

  /** @param options as `navigator.credentials.get` is given them. */
  get(options: PasskeyOptions, how: Switches = {}): PasskeyAssertion {
    const asked = options as unknown as RequestOptions;
    const allowed = (asked.allowCredentials ?? []).map(({ id }) => id);
    const kept = this.passkeys.find(({ credentialId, rpId }) =>
      how.credentialId === undefined
        ? rpId === asked.rpId && (allowed.length === 0 || allowed.includes(credentialId))
        : credentialId === how.credentialId,
    );
    if (kept === undefined) throw new Error('no passkey of this authenticator may answer');
    kept.signCount = how.signCount ?? (kept.signCount === 0 ? 0 : kept.signCount + 1);
    const authData = authenticatorData(kept, how, kept.signCount);
    const clientData = this.#clientData('webauthn.get', asked.challenge, how);
    const signature = sign('sha256', Buffer.concat([authData, createHash('sha256').update(clientData).digest()]), {
      key: kept.privateKey,
      dsaEncoding: 'der',
    });
    // Within the second number, so that it stays a signature in form.
    if (how.spoiled === true) signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
    const userHandle = how.userHandle === undefined ? kept.userHandle : how.userHandle;
    return {
      id: kept.credentialId,
      rawId: kept.credentialId,
      type: 'public-key',
      response: {
        clientDataJSON: clientData.toString('base64url'),
        authenticatorData: authData.toString('base64url'),
        signature: signature.toString('base64url'),
        ...(userHandle !== null && { userHandle }),
      },
      clientExtensionResults: {},
    };
  }

  #clientData(type: string, challenge: string, how: Switches): Buffer {
    return Buffer.from(
      JSON.stringify({
        type: how.type ?? type,
        challenge: how.challenge ?? challenge,
        origin: how.origin ?? this.#origin,
        crossOrigin: how.crossOrigin ?? false,
        ...(how.topOrigin !== undefined && { topOrigin: how.topOrigin }),
      }),
    );
  }
}

interface CreationOptions {
  rp: { id: string };
  user: { id: string };
  challenge: string;
}

interface RequestOptions {
  rpId: string;
  challenge: string;
  allowCredentials?: { id: string }[];
}

function authenticatorData(kept: Kept, how: Switches, signCount: number, attested?: Buffer): Buffer {
  const { up = true, uv = true, be = kept.be, bs = kept.bs } = how;
  const flags =
    (up ? 0x01 : 0) | (uv ? 0x04 : 0) | (be ? 0x08 : 0) | (bs ? 0x10 : 0) | (attested === undefined ? 0 : 0x40);
  const counter = Buffer.alloc(4);
  counter.writeUInt32BE(signCount);
  const rpIdHash = createHash('sha256')
    .update(how.rpId ?? kept.rpId)
    .digest();
  return Buffer.concat([rpIdHash, Buffer.from([flags]), counter, attested ?? Buffer.alloc(0)]);
}

/** @see WebAuthn Level 3 section 8.2 */
function packed(attestation: Switches['attestation'], own: KeyObject, signed: Buffer): Buffer {
  if (attestation === undefined) return cborMap([]);
  const key = attestation === 'self' ? own : attestation.privateKey;
  return cborMap([
    [text('alg'), integer(-7)],
    [text('sig'), bytes(sign('sha256', signed, { key, dsaEncoding: 'der' }))],
    ...(attestation === 'self' ? [] : ([[text('x5c'), array(attestation.chain.map(bytes))]] as const)),
  ]);
}

/** RFC 9053 section 7.1.1: kty EC2, alg, crv P-256, x, y. */
function coseKey(publicKey: KeyObject, algorithm: number): Buffer {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return cborMap([
    [integer(1), integer(2)],
    [integer(3), integer(algorithm)],
    [integer(-1), integer(1)],
    [integer(-2), bytes(Buffer.from(x, 'base64url'))],
    [integer(-3), bytes(Buffer.from(y, 'base64url'))],
  ]);
}

/** As much of CBOR (RFC 8949 section 3) as a passkey takes. */
function head(major: number, value: number): Buffer {
  if (value < 24) return Buffer.from([(major << 5) | value]);
  if (value < 0x100) return Buffer.from([(major << 5) | 24, value]);
  return Buffer.from([(major << 5) | 25, value >> 8, value & 0xff]);
}

function integer(value: number): Buffer {
  return value < 0 ? head(1, -1 - value) : head(0, value);
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([head(2, value.length), value]);
}

function text(value: string): Buffer {
  return Buffer.concat([head(3, value.length), Buffer.from(value)]);
}

function array(items: readonly Buffer[]): Buffer {
  return Buffer.concat([head(4, items.length), ...items]);
}

function cborMap(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  return Buffer.concat([head(5, entries.length), ...entries.flat()]);
}
