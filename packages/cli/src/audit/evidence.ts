import { addressOfChallenge } from '@countersign/contracts';
import { verifyEvidence, type EvidenceRefusal } from '@countersign/device-protocol';
import { isObject } from '../policy/path.ts';

/** Why an event does not stand. */
export const EVENT_REFUSALS = {
  no_event: 'This is no event of the audit.',
  missing: 'It was answered in the app, and the evidence is not there.',
  other_event: 'Only an answer in the app has evidence, and this is none.',
  malformed: 'The evidence is not of the known form, or its key is none.',
  not_signed: 'The key of the evidence did not sign the decision.',
  invalid: 'What was signed is no decision.',
  other_prompt: 'Another challenge was decided, or on another device, or from another prompt.',
  display_mismatch: 'Something else was shown than the server meant.',
  other_decision: 'The person decided otherwise than the event says.',
  other_device: 'The event names another authenticator than the device that signed.',
  other_user: 'The challenge is of another user than the event names.',
  passkey_malformed: 'What the passkey signed is not of the known form, or its key is none.',
  passkey_challenge: 'The passkey confirmed another decision.',
  passkey_origin: 'The passkey was asked by another page than the app.',
  passkey_relying_party: 'The passkey is bound to another host than that of the app.',
  passkey_not_verified: 'The passkey was not unlocked by PIN or body.',
  passkey_not_signed: 'The passkey of the evidence did not sign.',
  no_passkey: 'The event says that a passkey confirmed it, and none did.',
  no_number: 'It was approved without the number that was asked for.',
} as const satisfies Record<EvidenceRefusal, string> & Record<string, string>;
export type EventRefusal = keyof typeof EVENT_REFUSALS;

export type Examined =
  | {
      readonly outcome: 'verified';
      readonly deviceId: string;
      readonly keyThumbprint: string;
      /** Of the passkey that confirmed it, if one did. */
      readonly passkeyThumbprint?: string;
    }
  | { readonly outcome: 'refused'; readonly reason: EventRefusal }
  | { readonly outcome: 'withoutEvidence' };

/** Holds an event of the audit against what the phone signed, and the two against each other. */
export async function examineEvent(event: unknown): Promise<Examined> {
  if (!isObject(event) || typeof event['type'] !== 'string') return refused('no_event');
  const { type, method, challengeId, userId, detail } = event;
  const { evidence, authenticatorId, purpose, userVerified } = isObject(detail) ? detail : {};
  const isAnswer = (type === 'challenge.approved' || type === 'challenge.denied') && method === 'app';
  // An activation proves the key of a phone, and no login.
  const isAnsweredLogin = isAnswer && purpose !== 'enrol';
  if (evidence === undefined) return isAnsweredLogin ? refused('missing') : { outcome: 'withoutEvidence' };
  if (!isAnsweredLogin || typeof challengeId !== 'string') return refused('other_event');
  const verified = await verifyEvidence(evidence, { challengeId });
  if (verified.outcome === 'refused') return refused(verified.reason);
  const { decision, displayed, keyThumbprint, passkeyThumbprint } = verified;
  if (!isDecidedSo(event, decision.decision)) return refused('other_decision');
  if (authenticatorId !== decision.deviceId) return refused('other_device');
  if (userId === undefined || addressOfChallenge(challengeId)?.userId !== userId) return refused('other_user');
  const digits = decision.number?.length ?? 0;
  if (type === 'challenge.approved' && digits !== displayed.digits) return refused('no_number');
  if (userVerified === true && passkeyThumbprint === undefined) return refused('no_passkey');
  return {
    outcome: 'verified',
    deviceId: decision.deviceId,
    keyThumbprint,
    ...(passkeyThumbprint !== undefined && { passkeyThumbprint }),
  };
}

/** A wrong number denies as well: then the person approved, and the event says why it did not count. */
function isDecidedSo({ type, reason }: Record<string, unknown>, decision: 'approve' | 'deny' | 'fraud'): boolean {
  if (type === 'challenge.approved') return decision === 'approve';
  if (reason === 'number') return decision === 'approve';
  return decision === (reason === 'fraud' ? 'fraud' : 'deny');
}

function refused(reason: EventRefusal): Examined {
  return { outcome: 'refused', reason };
}
