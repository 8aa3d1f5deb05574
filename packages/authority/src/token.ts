import { createHash } from 'node:crypto';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { HOST_NAME, REPLICA_NAME, SERVICE_NAMES } from './services.ts';

/**
 * What the new machine must know before it can trust anybody: whom to ask, whose certificate to believe, and the secret that
 * admits it, once. Name, service and addresses are told to the machine; what counts is what app-server kept of the invitation.
 */
const Content = Type.Object(
  {
    urls: Type.Array(Type.String({ pattern: '^https://[^/?#@]+$' }), { minItems: 1, maxItems: 16 }),
    /** SHA-256 of the authority's certificate (DER), hex. */
    authority: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    id: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }),
    /** 256 bits. */
    secret: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    service: Type.Enum(SERVICE_NAMES),
    name: Type.String({ pattern: REPLICA_NAME }),
    hosts: Type.Array(Type.String({ pattern: HOST_NAME }), { minItems: 1, maxItems: 16 }),
  },
  { additionalProperties: false },
);
export type JoinToken = Static<typeof Content>;
const check = Compile(Content);
const PREFIX = 'csj_';

export function writeToken(token: JoinToken): string {
  return PREFIX + Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** @returns undefined when the text is no token, for example because it was cut while it was copied. */
export function readToken(text: string): JoinToken | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  try {
    const content: unknown = JSON.parse(Buffer.from(text.slice(PREFIX.length), 'base64url').toString('utf8'));
    return check.Check(content) ? content : undefined;
  } catch {
    return undefined;
  }
}

/** What is kept of the secret: it has 256 bits, so that a plain hash gives nothing away. */
export function hashOfSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
