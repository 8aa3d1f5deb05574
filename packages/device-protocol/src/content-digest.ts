import { parseDictionary, serializeDictionary } from 'structured-headers';

const MAX_HEADER_CHARACTERS = 200;

/** The value of `Content-Digest` for a body: SHA-256 alone. @see RFC 9530 section 2 */
export async function contentDigest(body: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', body);
  return serializeDictionary(new Map([['sha-256', [digest, new Map()]]]));
}

type Bytes = Uint8Array<ArrayBuffer>;

async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/**
 * Whether a `Content-Digest` names exactly this body. Other algorithms beside SHA-256 are not looked at, as RFC 9530 allows.
 * @param hash SHA-256.
 */
export async function matchesDigest(
  header: string,
  body: Bytes,
  hash: (bytes: Bytes) => Uint8Array | Promise<Uint8Array> = sha256,
): Promise<boolean> {
  if (header.length > MAX_HEADER_CHARACTERS) return false;
  let claimed: unknown;
  try {
    claimed = parseDictionary(header).get('sha-256')?.[0];
  } catch {
    return false;
  }
  if (!(claimed instanceof ArrayBuffer)) return false;
  const digest = await hash(body);
  const bytes = new Uint8Array(claimed);
  return bytes.length === digest.length && bytes.every((byte, index) => byte === digest[index]);
}
