import canonicalize from 'canonicalize';
import { base64url } from 'jose';

/** What may be hashed and signed: I-JSON (RFC 7493). Text without lone surrogates. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * The one form of a value that every implementation arrives at, in UTF-8.
 * @throws Error for NaN, infinity and lone surrogates. What TypeScript keeps out (undefined, Date) is treated as `JSON.stringify` does.
 * @see RFC 8785
 */
export function canonicalBytes(value: Json): Uint8Array<ArrayBuffer> {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('only JSON has a canonical form');
  return new TextEncoder().encode(text);
}

/** SHA-256 of the canonical form, base64url without padding: 43 characters. */
export async function canonicalHash(value: Json): Promise<string> {
  return base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', canonicalBytes(value))));
}
