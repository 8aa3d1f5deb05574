import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { displayHash, Hash, Id, Instant, type Prompt } from './prompt.ts';
import { signStatement, unprovenValue, verifyStatement } from './statement.ts';

/** What a person decided, in the form in which it is signed and kept as evidence. */
export const Decision = Type.Object(
  {
    v: Type.Literal(1),
    challengeId: Id,
    deviceId: Id,
    decision: Type.Enum(['approve', 'deny', 'fraud']),
    /** The number on the other screen, as typed; only with `approve`. */
    number: Type.Optional(Type.String({ pattern: '^[0-9]{2,6}$' })),
    displayHash: Hash,
    serverNonce: Id,
    at: Instant,
  },
  { additionalProperties: false },
);
export type Decision = Static<typeof Decision>;

export interface Answer {
  readonly decision: Decision['decision'];
  readonly number?: string | undefined;
}

/** The signed answer to a prompt, over exactly what was shown. */
export async function signDecision(
  { prompt, deviceId, at }: { prompt: Prompt; deviceId: string; at: number },
  { decision, number }: Answer,
  key: { privateKey: CryptoKey; keyId: string },
): Promise<string> {
  const signed: Decision = {
    v: 1,
    challengeId: prompt.challengeId,
    deviceId,
    decision,
    ...(number !== undefined && { number }),
    displayHash: await displayHash(prompt.displayed),
    serverNonce: prompt.serverNonce,
    at,
  };
  return signStatement('mfa-decision+jws', signed, key);
}

/** Of which challenge a decision says it is: to look it up, and for nothing else. */
export function challengeOfDecision(statement: string): string | undefined {
  const unproven = unprovenValue(statement);
  return Value.Check(Decision, unproven) ? unproven.challengeId : undefined;
}

/** Why an answer does not count. `display_mismatch`: the phone showed something else than the server meant. */
export type DecisionRefusal = 'not_signed' | 'invalid' | 'other_prompt' | 'display_mismatch';

export type VerifiedDecision =
  | { readonly outcome: 'verified'; readonly decision: Decision }
  | { readonly outcome: 'refused'; readonly reason: DecisionRefusal };

/**
 * Whether this device signed an answer to this prompt, as the server has it on record. Whether there is a number where one is asked
 * for, whether it is right, and whether the prompt still waits, is not looked at: the ledger decides that. `at` is what the phone says.
 */
export async function verifyDecision(
  statement: string,
  key: { publicKey: CryptoKey; keyId: string },
  asked: { readonly prompt: Prompt; readonly deviceId: string },
): Promise<VerifiedDecision> {
  const decision = await verifyStatement('mfa-decision+jws', statement, key);
  if (decision === undefined) return { outcome: 'refused', reason: 'not_signed' };
  if (!Value.Check(Decision, decision) || (decision.number !== undefined && decision.decision !== 'approve')) {
    return { outcome: 'refused', reason: 'invalid' };
  }
  const { prompt, deviceId } = asked;
  const isOfPrompt =
    decision.deviceId === deviceId &&
    decision.challengeId === prompt.challengeId &&
    decision.serverNonce === prompt.serverNonce;
  if (!isOfPrompt) return { outcome: 'refused', reason: 'other_prompt' };
  const isAsShown = decision.displayHash === (await displayHash(prompt.displayed));
  return isAsShown ? { outcome: 'verified', decision } : { outcome: 'refused', reason: 'display_mismatch' };
}
