import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { Id, Instant } from './prompt.ts';
import { signStatement, verifyStatement, type StatementKey } from './statement.ts';

/** How a login stands after a phone has answered. The phone hears what is true, also where somebody else was first. */
export const Outcome = Type.Object(
  {
    v: Type.Literal(1),
    challengeId: Id,
    deviceId: Id,
    /** Nonce of the request that is answered. */
    answers: Type.String({ pattern: '^[\\w-]{16,43}$' }),
    state: Type.Enum(['approved', 'denied', 'cancelled', 'expired']),
    /** It became so by this answer, which either approves or denies. */
    counted: Type.Boolean(),
    at: Instant,
  },
  { additionalProperties: false },
);
export type Outcome = Static<typeof Outcome>;

/** @throws TypeError for what phones would refuse. */
export async function signOutcome(outcome: Outcome, key: StatementKey): Promise<string> {
  if (!isOutcome(outcome)) throw new TypeError('an outcome that no phone would accept');
  return signStatement('mfa-outcome+jws', outcome, key);
}

/** Undefined unless the server's key signed it as the answer to this very request about this challenge. */
export async function verifyOutcome(
  statement: string,
  key: { publicKey: CryptoKey; keyId: string },
  expected: Pick<Outcome, 'challengeId' | 'deviceId' | 'answers'>,
): Promise<Outcome | undefined> {
  const value = await verifyStatement('mfa-outcome+jws', statement, key);
  if (!isOutcome(value)) return undefined;
  const isExpected =
    value.challengeId === expected.challengeId &&
    value.deviceId === expected.deviceId &&
    value.answers === expected.answers;
  return isExpected ? value : undefined;
}

/** An answer cancels nothing and lets nothing expire: that it did would be shown as a login that this phone has decided. */
function isOutcome(value: unknown): value is Outcome {
  return Value.Check(Outcome, value) && (!value.counted || value.state === 'approved' || value.state === 'denied');
}
