import { base64url, compactVerify, CompactSign, decodeProtectedHeader } from 'jose';
import { canonicalBytes, type Json } from './canonical.ts';

/** What a statement is about. It stands in the signed header, so that one can never pass for another. */
export type StatementType = 'mfa-activation+jws' | 'mfa-decision+jws' | 'mfa-keys+jws' | 'mfa-prompts+jws';

const MAX_CHARACTERS = 64 * 1024;

/**
 * Signs the canonical form of a value: a compact JWS with ES256.
 * @param keyId thumbprint of the key.
 * @see RFC 7515, RFC 8785
 */
export function signStatement(
  type: StatementType,
  value: Json,
  key: { readonly privateKey: CryptoKey; readonly keyId: string },
): Promise<string> {
  return new CompactSign(canonicalBytes(value))
    .setProtectedHeader({ alg: 'ES256', typ: type, kid: key.keyId })
    .sign(key.privateKey);
}

/** The thumbprint of the key that a statement says it is signed with: to look the key up, and for nothing else. */
export function keyIdOfStatement(statement: string): string | undefined {
  try {
    const { kid } = decodeProtectedHeader(statement);
    return typeof kid === 'string' ? kid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The value that was signed. Undefined when the key did not sign it, when it is of another type, has a header that the profile does not
 * know, is not in canonical form, or is longer than 64 KiB.
 */
export async function verifyStatement(
  type: StatementType,
  statement: string,
  key: { readonly publicKey: CryptoKey; readonly keyId: string },
): Promise<Json | undefined> {
  if (statement.length > MAX_CHARACTERS) return undefined;
  try {
    const { payload, protectedHeader } = await compactVerify(statement, key.publicKey, { algorithms: ['ES256'] });
    const { alg, typ, kid, ...others } = protectedHeader;
    if (alg !== 'ES256' || typ !== type || kid !== key.keyId || Object.keys(others).length > 0) return undefined;
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as Json;
    return base64url.encode(canonicalBytes(value)) === base64url.encode(payload) ? value : undefined;
  } catch {
    return undefined;
  }
}
