import { base64url, compactVerify, decodeProtectedHeader } from 'jose';
import { canonicalBytes, type Json } from './canonical.ts';
import { ES256 } from './device-key.ts';

/** What a statement is about. It stands in the signed header, so that one can never pass for another. */
export type StatementType =
  | 'mfa-activated+jws'
  | 'mfa-activation+jws'
  | 'mfa-decision+jws'
  | 'mfa-keys+jws'
  | 'mfa-outcome+jws'
  | 'mfa-prompts+jws'
  | 'mfa-rotation+jws';

/** The longest list of prompts that the schema allows, in letters of four bytes, is shorter. */
const MAX_CHARACTERS = 192 * 1024;
/** 64 bytes. */
const SIGNATURE_PATTERN = /^[\w-]{86}$/;

/** What signs: a key of WebCrypto, or whatever makes the 64 bytes of ES256 in its place. */
export type StatementKey = {
  /** Its thumbprint. */
  readonly keyId: string;
} & (
  | { readonly privateKey: CryptoKey }
  | { readonly sign: (text: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> }
);

/**
 * Signs the canonical form of a value: a compact JWS with ES256, whose header is `{"alg":"ES256","typ":…,"kid":…}` in this order.
 * @throws RangeError when it is longer than 192 KiB, since nobody would accept it.
 * @see RFC 7515, RFC 8785
 */
export async function signStatement(type: StatementType, value: Json, key: StatementKey): Promise<string> {
  const text = `${headerOf(type, key)}.${base64url.encode(canonicalBytes(value))}`;
  const bytes = new TextEncoder().encode(text);
  const signature =
    'sign' in key ? key.sign(bytes) : new Uint8Array(await crypto.subtle.sign(ES256, key.privateKey, bytes));
  const statement = `${text}.${base64url.encode(signature)}`;
  if (statement.length > MAX_CHARACTERS) throw new RangeError(`a statement has at most ${MAX_CHARACTERS} characters`);
  return statement;
}

/** The only one that there is of this type and key. */
function headerOf(type: StatementType, { keyId }: { readonly keyId: string }): string {
  return base64url.encode(JSON.stringify({ alg: 'ES256', typ: type, kid: keyId }));
}

/** The thumbprint of the key that a statement says it is signed with: to look the key up, and for nothing else. */
export function keyIdOfStatement(statement: string): string | undefined {
  if (statement.length > MAX_CHARACTERS) return undefined;
  try {
    const { kid } = decodeProtectedHeader(statement);
    return typeof kid === 'string' ? kid : undefined;
  } catch {
    return undefined;
  }
}

/** What a statement says, before anybody has looked whether it is signed: to find out with which key it would have to be. */
export function unprovenValue(statement: string): unknown {
  if (statement.length > MAX_CHARACTERS) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(base64url.decode(statement.split('.')[1] ?? '')));
  } catch {
    return undefined;
  }
}

/**
 * The value that was signed. Undefined when the key did not sign it, when it is of another type, longer than 192 KiB, or written in any
 * other way than `signStatement` does: what one implementation reads, every other reads as well, years later too. A signature can still be
 * replaced by a second one that is as good (ECDSA), so that statements are never told apart by their text.
 */
export async function verifyStatement(
  type: StatementType,
  statement: string,
  key: { readonly publicKey: CryptoKey; readonly keyId: string },
): Promise<Json | undefined> {
  if (statement.length > MAX_CHARACTERS) return undefined;
  const [header, text, signature = ''] = statement.split('.');
  if (header !== headerOf(type, key)) return undefined;
  if (!SIGNATURE_PATTERN.test(signature) || base64url.encode(base64url.decode(signature)) !== signature)
    return undefined;
  try {
    const { payload } = await compactVerify(statement, key.publicKey, { algorithms: ['ES256'] });
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as Json;
    return base64url.encode(canonicalBytes(value)) === text ? value : undefined;
  } catch {
    return undefined;
  }
}
