import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { Id, Instant } from './prompt.ts';
import { signStatement, verifyStatement } from './statement.ts';

/** How a login stands after a phone has answered. The phone hears what is true, also where somebody else was first. */
export const Outcome = Type.Object(
  {
    v: Type.Literal(1),
    challengeId: Id,
    deviceId: Id,
    /** Nonce of the request that is answered. */
    answers: Type.String({ pattern: '^[\\w-]{16,43}$' }),
    state: Type.Enum(['approved', 'denied', 'cancelled', 'expired']),
    /** It became so by this answer. */
    counted: Type.Boolean(),
    at: Instant,
  },
  { additionalProperties: false },
);
export type Outcome = Static<typeof Outcome>;

export function signOutcome(outcome: Outcome, key: { privateKey: CryptoKey; keyId: string }): Promise<string> {
  return signStatement('mfa-outcome+jws', outcome, key);
}

/** Undefined unless the server's key signed it as the answer to this very request about this challenge. */
export async function verifyOutcome(
  statement: string,
  key: { publicKey: CryptoKey; keyId: string },
  expected: Pick<Outcome, 'challengeId' | 'deviceId' | 'answers'>,
): Promise<Outcome | undefined> {
  const value = await verifyStatement('mfa-outcome+jws', statement, key);
  if (!Value.Check(Outcome, value)) return undefined;
  const isExpected =
    value.challengeId === expected.challengeId &&
    value.deviceId === expected.deviceId &&
    value.answers === expected.answers;
  return isExpected ? value : undefined;
}
