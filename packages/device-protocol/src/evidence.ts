import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { verifyDecision, type Decision, type DecisionRefusal } from './decision.ts';
import { importPublicKey, thumbprintOf } from './device-key.ts';
import { PublicKey } from './key-set.ts';
import {
  Assertion,
  passkeyChallenge,
  PasskeyKey,
  passkeyThumbprint,
  verifyPasskey,
  type AssertionRefusal,
} from './passkey.ts';
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
    /** Of an approval that a passkey has confirmed. */
    passkey: Type.Optional(
      Type.Object(
        {
          /** As it was registered for the device. */
          key: PasskeyKey,
          /** Of the app, as the server knows it; the passkey is bound to its host. */
          origin: Type.String({ pattern: '^https://', maxLength: 300 }),
          assertion: Assertion,
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type Evidence = Static<typeof Evidence>;

/** `malformed`: it is no evidence at all, or its key is none. */
export type EvidenceRefusal = DecisionRefusal | AssertionRefusal | 'malformed';

export type VerifiedEvidence =
  | {
      readonly outcome: 'verified';
      readonly decision: Decision;
      readonly displayed: Displayed;
      readonly keyThumbprint: string;
      /** Of the passkey with which somebody whom it had verified confirmed the approval, if it was. */
      readonly passkeyThumbprint?: string;
    }
  | { readonly outcome: 'refused'; readonly reason: EvidenceRefusal };

/**
 * Whether the evidence holds for a challenge: its key signed a decision on it, over exactly what the server meant to be shown, and the
 * passkey, where there is one, signed the same. Whose keys those are stands where the device was activated, and where it got its passkey;
 * compare the thumbprints. Never throws.
 */
export async function verifyEvidence(
  evidence: unknown,
  { challengeId }: { readonly challengeId: string },
): Promise<VerifiedEvidence> {
  if (!Value.Check(Evidence, evidence)) return { outcome: 'refused', reason: 'malformed' };
  const { statement, key, deviceId, passkey, ...prompt } = evidence;
  const publicKey = await importPublicKey(key);
  if (publicKey === undefined) return { outcome: 'refused', reason: 'malformed' };
  const keyThumbprint = await thumbprintOf(key);
  const signer = { publicKey, keyId: keyThumbprint };
  const verified = await verifyDecision(statement, signer, { prompt: { challengeId, ...prompt }, deviceId });
  if (verified.outcome === 'refused') return verified;
  const held = { ...verified, displayed: prompt.displayed, keyThumbprint };
  if (passkey === undefined) return held;
  if (verified.decision.decision !== 'approve') return { outcome: 'refused', reason: 'malformed' };
  const asked = { key: passkey.key, origin: passkey.origin, challenge: await passkeyChallenge(statement) };
  const confirmed = await verifyPasskey(passkey.assertion, asked);
  if (confirmed.outcome === 'refused') return confirmed;
  return { ...held, passkeyThumbprint: await passkeyThumbprint(passkey.key) };
}
