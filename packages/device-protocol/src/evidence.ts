import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { verifyDecision, type Decision, type DecisionRefusal } from './decision.ts';
import { importPublicKey, thumbprintOf } from './device-key.ts';
import { PublicKey } from './key-set.ts';
import { Displayed, Id } from './prompt.ts';

/** What is kept beside the audit of an answer, so that it can be checked years later, without the server and without trust in it. */
export const Evidence = Type.Object(
  {
    /** The signed decision. */
    statement: Type.String(),
    /** Of the device, when it decided. */
    key: PublicKey,
    /** As the server meant it to be shown. */
    displayed: Displayed,
    serverNonce: Id,
    deviceId: Id,
  },
  { additionalProperties: false },
);
export type Evidence = Static<typeof Evidence>;

/** `malformed`: it is no evidence at all, or its key is none. */
export type EvidenceRefusal = DecisionRefusal | 'malformed';

export type VerifiedEvidence =
  | {
      readonly outcome: 'verified';
      readonly decision: Decision;
      readonly displayed: Displayed;
      readonly keyThumbprint: string;
    }
  | { readonly outcome: 'refused'; readonly reason: EvidenceRefusal };

/**
 * Whether the evidence holds for a challenge: its key signed a decision on it, over exactly what the server meant to be shown. Whose key that
 * is stands where the device was activated; compare the thumbprint. Never throws.
 */
export async function verifyEvidence(
  evidence: unknown,
  { challengeId }: { readonly challengeId: string },
): Promise<VerifiedEvidence> {
  if (!Value.Check(Evidence, evidence)) return { outcome: 'refused', reason: 'malformed' };
  const { statement, key, deviceId, ...prompt } = evidence;
  const publicKey = await importPublicKey(key);
  if (publicKey === undefined) return { outcome: 'refused', reason: 'malformed' };
  const keyThumbprint = await thumbprintOf(key);
  const signer = { publicKey, keyId: keyThumbprint };
  const verified = await verifyDecision(statement, signer, { prompt: { challengeId, ...prompt }, deviceId });
  return verified.outcome === 'verified' ? { ...verified, displayed: prompt.displayed, keyThumbprint } : verified;
}
