import { base64url, calculateJwkThumbprint } from 'jose';

/** The public half of an ES256 key, of a device or of the server (RFC 7518 section 6.2.1). */
export interface PublicKeyJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

export const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const COORDINATE_BYTES = 32;
/** A SHA-256, base64url. */
export const THUMBPRINT_PATTERN = /^[\w-]{43}$/;

/**
 * A public key from what a stranger sent: only the four members that make the key, so that nothing else of it is stored or hashed.
 * Undefined when it is another kind of key, spelt another way, or carries a private half. That the point lies on the curve is for
 * `importPublicKey`.
 */
export function parsePublicKey(value: unknown): PublicKeyJwk | undefined {
  if (typeof value !== 'object' || value === null || 'd' in value) return undefined;
  const { kty, crv, x, y } = value as Record<string, unknown>;
  if (kty !== 'EC' || crv !== 'P-256' || !isCoordinate(x) || !isCoordinate(y)) return undefined;
  return { kty, crv, x, y };
}

function isCoordinate(value: unknown): value is string {
  if (typeof value !== 'string' || !THUMBPRINT_PATTERN.test(value)) return false;
  const bytes = base64url.decode(value);
  return bytes.length === COORDINATE_BYTES && base64url.encode(bytes) === value;
}

/** What the key is called in every message: its SHA-256 thumbprint, base64url, 43 characters. @see RFC 7638 */
export function thumbprintOf(key: PublicKeyJwk): Promise<string> {
  return calculateJwkThumbprint({ ...key }, 'sha256');
}

/**
 * For checking signatures. Undefined when the point is not on the curve, and for what `parsePublicKey` refuses: a second spelling of a
 * coordinate would be a second thumbprint of the same key.
 */
export async function importPublicKey(key: PublicKeyJwk): Promise<CryptoKey | undefined> {
  const parsed = parsePublicKey(key);
  if (parsed === undefined) return undefined;
  try {
    return await crypto.subtle.importKey('jwk', { ...parsed }, ES256, true, ['verify']);
  } catch {
    return undefined;
  }
}

export interface KeyPair {
  /** WebCrypto does not give its bytes out; whoever runs scripts on its page can use it all the same. A key in software, no more. */
  readonly privateKey: CryptoKey;
  readonly publicKey: PublicKeyJwk;
  readonly thumbprint: string;
}

/** A new key of this device, not extractable. */
export async function generateKeyPair(): Promise<KeyPair> {
  const pair = await crypto.subtle.generateKey(ES256, false, ['sign', 'verify']);
  const publicKey = parsePublicKey(await crypto.subtle.exportKey('jwk', pair.publicKey));
  if (publicKey === undefined) throw new Error('the platform made a key that is not P-256');
  return { privateKey: pair.privateKey, publicKey, thumbprint: await thumbprintOf(publicKey) };
}
