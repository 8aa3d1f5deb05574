import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { SessionPlace } from '@countersign/contracts';
import type { SessionToken } from './cookie.ts';

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Under the secret in the cookie: who copies the store, or breaks into a portal, opens only the sessions of who comes by. */
export function seal(
  token: SessionToken,
  place: SessionPlace,
  value: object,
  randomBytes: (size: number) => Buffer,
): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, keyOf(token), iv).setAAD(boundTo(place));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** @returns undefined when it was sealed under another secret, for another place, or altered. */
export function unseal(token: SessionToken, place: SessionPlace, text: string): unknown {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length < IV_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, keyOf(token), bytes.subarray(0, IV_BYTES))
    .setAAD(boundTo(place))
    .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  try {
    const opened = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
    return JSON.parse(opened.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** What is sealed for one place opens in no other. */
function boundTo({ owner, hash }: SessionPlace): Buffer {
  return Buffer.from(`${owner} ${hash}`);
}

/** RFC 5869. The secret is random, so that no salt is needed; what it finds the session by is derived in another way. */
function keyOf({ secret }: SessionToken): Buffer {
  return Buffer.from(hkdfSync('sha256', Buffer.from(secret, 'base64url'), '', 'countersign session', 32));
}
