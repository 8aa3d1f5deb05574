import {
  generateKeyPair,
  importPublicKey,
  parseSignature,
  signPrompts,
  verifyRequest,
  type KeyPair,
  type Prompt,
  type RequestSignature,
  type SignatureHeaders,
} from '@countersign/device-protocol';
import type { Device } from './device.ts';
import type { Outside } from './post.ts';

export const NOW = 1_800_000_000_000;
export const SERVER = 'https://mfa.example.com:8443';
export const DEVICE = 'device-0123456789';
export const PROMPT: Prompt = {
  challengeId: 'challenge-0123456789',
  serverNonce: 'nonce-0123456789abcdef',
  displayed: { user: 'anna', application: 'VPN', createdAt: NOW, expiresAt: NOW + 60_000, digits: 3 },
};

/** A request as a server saw it. */
export interface Seen {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly signature: RequestSignature;
  /** Whether the key that it names signed it, of those that the phone has. */
  readonly isSigned: boolean;
  readonly signal: AbortSignal | undefined;
}
interface Asked {
  readonly headers: SignatureHeaders;
  readonly body?: string;
  readonly signal?: AbortSignal;
}
type Reply = (seen: Seen) => Response | Promise<Response>;

/** A phone that asks, and a server that answers as a test says, one reply after another; the last one for ever. */
export async function pair(...replies: readonly Reply[]) {
  const [key, nextKey, serverKey] = await Promise.all([generateKeyPair(), generateKeyPair(), generateKeyPair()]);
  const seen: Seen[] = [];
  let randoms = 0;
  const answer = async (address: string, { headers, body = '', signal }: Asked) => {
    const { pathname: path, host: authority } = new URL(address);
    const signature = parseSignature(headers, true);
    const signer = [key, nextKey].find(({ thumbprint }) => thumbprint === signature?.keyId);
    const publicKey = signer === undefined ? undefined : await importPublicKey(signer.publicKey);
    if (signature === undefined || publicKey === undefined) throw new Error('a request that this phone did not sign');
    const request = { method: 'POST', authority, path, query: '?', body: new TextEncoder().encode(body) };
    const isSigned = await verifyRequest(request, signature, headers['content-digest'], publicKey);
    const one: Seen = { path, body: JSON.parse(body) as Seen['body'], signature, isSigned, signal };
    const reply = replies[seen.length] ?? replies.at(-1);
    seen.push(one);
    return reply?.(one);
  };
  const outside: Outside = {
    fetch: answer as unknown as typeof fetch,
    nowMs: () => NOW,
    randomBytes: (count) => new Uint8Array(count).fill((randoms += 1)),
  };
  const device: Device = {
    deviceId: DEVICE,
    server: SERVER,
    key,
    keySet: { version: 1, keys: [serverKey.publicKey] },
  };
  return { outside, device, nextKey, serverKey, seen };
}

export const refuse =
  (status: number, code: string, headers: Record<string, string> = {}): Reply =>
  () =>
    Response.json({ code }, { status, headers });

export const give =
  (answer: object): Reply =>
  () =>
    Response.json(answer);

export function signerOf({ privateKey, thumbprint }: KeyPair) {
  return { privateKey, keyId: thumbprint };
}

/** The answer to a poll, signed. */
export async function promptsFor(seen: Seen, serverKey: KeyPair, prompts: Prompt[] = [PROMPT], at = NOW) {
  return signPrompts({ v: 1, deviceId: DEVICE, answers: seen.signature.nonce, at, prompts }, signerOf(serverKey));
}
