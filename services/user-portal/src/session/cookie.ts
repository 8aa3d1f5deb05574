import { createHash } from 'node:crypto';
import type { SessionPlace } from '@countersign/contracts';

/** `__Host-`: only over TLS, only for this host, for every path (RFC 6265bis section 4.1.3.2). */
export const SESSION_COOKIE = '__Host-countersign';
export const COOKIE_OPTIONS = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' } as const;

const SECRET_BYTES = 32;
const FORM = /^(new|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\.([A-Za-z0-9_-]{43})$/;

/** What a browser holds: whose session, and the secret that finds and opens it. */
export interface SessionToken {
  /** A user's id, or `new` before anybody has said who they are. */
  owner: string;
  /** 43 characters of base64url: 256 bits (APP-01). */
  secret: string;
}

export function newToken(owner: string, randomBytes: (size: number) => Buffer): SessionToken {
  return { owner, secret: randomBytes(SECRET_BYTES).toString('base64url') };
}

export function writeToken({ owner, secret }: SessionToken): string {
  return `${owner}.${secret}`;
}

/** @returns undefined when it is none of ours. */
export function readToken(text: string | undefined): SessionToken | undefined {
  const [, owner, secret] = FORM.exec(text ?? '') ?? [];
  return owner === undefined || secret === undefined ? undefined : { owner, secret };
}

/** Where it is kept: under a hash, so that the store opens nothing (APP-01). */
export function placeOf({ owner, secret }: SessionToken): SessionPlace {
  return { owner, hash: createHash('sha256').update(secret).digest('base64url') };
}

/** Names a session to its owner, and opens nothing. */
export function nameOf(hash: string): string {
  return hash.slice(0, 16);
}
