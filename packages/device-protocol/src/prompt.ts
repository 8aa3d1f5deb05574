import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { canonicalHash } from './canonical.ts';
import { ShownText } from './shown-text.ts';
import { signStatement, verifyStatement, type StatementKey } from './statement.ts';

const closed = { additionalProperties: false } as const;
export const Id = Type.String({ pattern: '^[\\w-]{16,64}$' });
/** Milliseconds since 1970. */
export const Instant = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const Hash = Type.String({ pattern: '^[\\w-]{43}$' });

/** Everything of a login that the phone shows, and nothing else: the answer is signed over this. */
export const Displayed = Type.Object(
  {
    /** The account, as its owner knows it. */
    user: ShownText({ maxLength: 1024 }),
    application: ShownText({ maxLength: 256 }),
    /** Where the login comes from, as the application says. */
    source: Type.Optional(ShownText({ maxLength: 64 })),
    /** A sentence of the application about what is approved. */
    message: Type.Optional(ShownText({ maxLength: 512 })),
    createdAt: Instant,
    expiresAt: Instant,
    /** How many digits of the number on the other screen are asked for; 0 when none is. */
    digits: Type.Integer({ minimum: 0, maximum: 6 }),
  },
  closed,
);
export type Displayed = Static<typeof Displayed>;

/** A login that waits for this device. */
export const Prompt = Type.Object(
  {
    challengeId: Id,
    /** Made by the server for this prompt alone: an answer cannot be prepared before it. */
    serverNonce: Id,
    displayed: Displayed,
  },
  closed,
);
export type Prompt = Static<typeof Prompt>;

/** The answer to one poll. */
export const Prompts = Type.Object(
  {
    v: Type.Literal(1),
    deviceId: Id,
    /** Nonce of the request that is answered: an older answer cannot be put in its place. */
    answers: Type.String({ pattern: '^[\\w-]{16,43}$' }),
    at: Instant,
    prompts: Type.Array(Prompt, { maxItems: 16 }),
  },
  closed,
);
export type Prompts = Static<typeof Prompts>;

/** What the answer is bound to: what you see is what you sign. */
export function displayHash(displayed: Displayed): Promise<string> {
  return canonicalHash(displayed);
}

/** @throws TypeError for prompts that phones would refuse. */
export async function signPrompts(prompts: Prompts, key: StatementKey): Promise<string> {
  if (!Value.Check(Prompts, prompts)) throw new TypeError('prompts that no phone would accept');
  return signStatement('mfa-prompts+jws', prompts, key);
}

/** Undefined unless the server's key signed it as the answer to this very request of this device. */
export async function verifyPrompts(
  statement: string,
  key: { publicKey: CryptoKey; keyId: string },
  expected: Pick<Prompts, 'deviceId' | 'answers'>,
): Promise<Prompts | undefined> {
  const value = await verifyStatement('mfa-prompts+jws', statement, key);
  if (!Value.Check(Prompts, value)) return undefined;
  return value.deviceId === expected.deviceId && value.answers === expected.answers ? value : undefined;
}
