import { createHash, timingSafeEqual } from 'node:crypto';
import {
  addressOfChallenge,
  challengeIdAt,
  AnswerBody,
  DEVICE_PATHS,
  MfaError,
  type deviceAnswer,
  type InputOf,
  type OutputOf,
} from '@countersign/contracts';
import {
  challengeOfDecision,
  importPublicKey,
  passkeyChallenge,
  signOutcome,
  verifyDecision,
  type Decision,
  type DecisionRefusal,
  type Outcome,
  type Prompt,
} from '@countersign/device-protocol';
import type { Static } from 'typebox';
import type { Applications } from '../application/applications.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { DecisionEvidence } from '../challenge/events.ts';
import type { UserState } from '../challenge/state.ts';
import type { Wake } from '../challenge/wake.ts';
import type { PhoneKeys } from '../keys/phone-keys.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { decideAnswer, promptFor } from './decide.ts';
import { heldPasskey, type HeldPasskeyDependencies } from './held-passkey.ts';
import { numberFor, promptOnRecord } from './prompt.ts';
import {
  kindOfRequest,
  recordRefusal,
  signedCall,
  type SignedCall,
  type SignedCallDependencies,
} from './signed-call.ts';
import type { WakePhones } from './wake-phones.ts';

export interface AnswerDependencies extends SignedCallDependencies, HeldPasskeyDependencies {
  applications: Pick<Applications, 'all'>;
  policies: Policies;
  users: LoginUsers;
  ring: KeyRing;
  phoneKeys: PhoneKeys;
  wake: Wake;
  wakePhones: WakePhones;
}

type Call = SignedCall<Static<typeof AnswerBody>>;

const KIND = kindOfRequest(DEVICE_PATHS.answer, AnswerBody);
/** `display_mismatch`: somebody between changed what was shown, or we did meanwhile. */
const REFUSED_AS = {
  not_signed: 'SIGNATURE_INVALID',
  invalid: 'REQUEST_INVALID',
  other_prompt: 'CHALLENGE_NOT_FOUND',
  display_mismatch: 'DISPLAY_MISMATCH',
} as const satisfies Record<DecisionRefusal, string>;

/**
 * Takes what a person decided on their phone: signed over what was shown, held against what is on record, and decided by one append. The
 * phone hears how the login stands, signed; the application that waits is told to look.
 * @throws MfaError as `signedCall`; CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, DISPLAY_MISMATCH, PASSKEY_NEEDED, PASSKEY_REJECTED, NUMBER_WRONG,
 * USER_DISABLED.
 */
export async function answer(
  deps: AnswerDependencies,
  { request: signed }: InputOf<typeof deviceAnswer>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof deviceAnswer>> {
  const call = await signedCall(deps, signed, KIND, request, { fresh: true });
  const { userId } = call.device;
  const challengeId = challengeOfDecision(call.body.decision);
  const address = challengeId === undefined ? undefined : addressOfChallenge(challengeId);
  const isTheirs = address?.userId === userId;
  const refuse = async (refusal: MfaError) => {
    const known = isTheirs && challengeId !== undefined ? { challengeId } : {};
    await recordRefusal(deps, call.device, refusal.reason ?? refusal.code, request, known);
    return refusal;
  };
  if (challengeId === undefined || !isTheirs) throw await refuse(new MfaError('CHALLENGE_NOT_FOUND'));
  const { key } = address;
  const attemptId = attemptOf(call, challengeId);

  const isKnown = ({ open, closed }: UserState) => [...open, ...closed].some((one) => one.key === key);
  const state = isKnown(call.state) ? call.state : await deps.ledger.peek(userId, isKnown);
  const found = promptFor(state, key, deps.now());
  if ('refuse' in found) {
    // This very answer was taken, and the phone did not hear of it.
    const before = state.closed.find((one) => one.key === key && one.attemptId === attemptId);
    if (before === undefined) throw await refuse(found.refuse);
    return outcomeOf(deps, call, challengeId, before.state);
  }
  const { challenge } = found;
  const user = await deps.users.byId(userId);
  const prompt = promptOnRecord(deps, challenge, { userId, username: user?.username ?? '' });
  const verified = await held(call, prompt);
  if ('refused' in verified) throw await refuse(verified.refused);

  const { decision } = verified;
  const { displayed, serverNonce } = prompt;
  const { deviceId, publicKey } = call.device;
  const number = numberFor(deps.ring, challengeId, displayed.digits);
  const { app } = deps.policies.effective(challenge.applicationId);
  // Before the number is looked at: nobody without the passkey learns whether it was right, or ends the challenge by a wrong one.
  const confirmed =
    decision.decision === 'approve' ? await confirmedBy(deps, call, app.userVerification === 'passkey') : {};
  if ('refused' in confirmed) throw await refuse(confirmed.refused);
  const { event } = await deps.ledger
    .act(
      userId,
      attemptId,
      (current, now) =>
        decideAnswer(
          current,
          {
            key,
            deviceId,
            attemptId,
            decision: decision.decision,
            isNumberRight: displayed.digits === 0 || isSame(decision.number ?? '', number),
            evidence: { statement: call.body.decision, key: publicKey, displayed, serverNonce, deviceId, ...confirmed },
            fraud: app.reportBlocks ? 'blocks' : 'noted',
            coolDownMs: app.coolDownSeconds * 1000,
            disabled: user === undefined || user.status === 'disabled',
          },
          now,
        ),
      request,
    )
    .catch(async (error: unknown) => {
      throw error instanceof MfaError && error.code !== 'UNAVAILABLE' ? await refuse(error) : error;
    });
  deps.wake.publish(challengeId);
  // A report ends every login under way: whoever waits for another one hears of it now as well.
  if (event.type === 'challenge.denied' && event.reason === 'fraud') {
    for (const { key: other } of state.open) {
      if (other !== key) deps.wake.publish(challengeIdAt({ userId, key: other }));
    }
  }
  deps.wakePhones.of(userId);
  if (event.type === 'challenge.denied' && event.reason === 'number') throw new MfaError('NUMBER_WRONG');
  if (event.type !== 'challenge.approved' && event.type !== 'challenge.denied') {
    throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  }
  const became = event.type === 'challenge.approved' ? 'approved' : 'denied';
  return outcomeOf(deps, call, challengeId, became);
}

/** The same answer of the same phone, sent again in a new request, is the same attempt. */
function attemptOf({ device, body }: Call, challengeId: string): string {
  const { keyThumbprint, deviceId } = device;
  // Of two signatures over one decision both are good, so it is known by what was signed (ECDSA).
  const signed = body.decision.split('.').slice(0, 2).join('.');
  return createHash('sha256')
    .update(JSON.stringify(['device.answer', deviceId, keyThumbprint, challengeId, signed]))
    .digest('base64url');
}

async function held({ device, body }: Call, prompt: Prompt): Promise<{ decision: Decision } | { refused: MfaError }> {
  const publicKey = await importPublicKey(device.publicKey);
  if (publicKey === undefined) return { refused: new MfaError('SIGNATURE_INVALID', { reason: 'key' }) };
  const key = { publicKey, keyId: device.keyThumbprint };
  const verified = await verifyDecision(body.decision, key, { prompt, deviceId: device.deviceId });
  return verified.outcome === 'verified'
    ? { decision: verified.decision }
    : { refused: new MfaError(REFUSED_AS[verified.reason], { reason: verified.reason }) };
}

/**
 * What confirms an approval beside the key of the phone (DEV-34, DEV-35). Where the phone has a passkey, nothing is approved without it,
 * whatever the policy says: otherwise whoever has got the key of the phone would leave it out. No word of the phone counts, only what the
 * passkey signed.
 * @param isDemanded by the policy, also of a phone that has none.
 */
async function confirmedBy(
  deps: HeldPasskeyDependencies,
  { device, body }: Call,
  isDemanded: boolean,
): Promise<Pick<DecisionEvidence, 'passkey'> | { refused: MfaError }> {
  if (body.passkey === undefined) {
    const isNeeded = isDemanded || device.passkey !== undefined;
    return isNeeded ? { refused: new MfaError('PASSKEY_NEEDED', { reason: 'passkey_needed' }) } : {};
  }
  const held = await heldPasskey(deps, device, body.passkey, await passkeyChallenge(body.decision));
  if ('refused' in held) return { refused: new MfaError('PASSKEY_REJECTED', { reason: held.refused }) };
  return { passkey: held };
}

function isSame(given: string, wanted: string): boolean {
  return given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted));
}

/** With the sets that lead to the key which signs it: the phone may have polled before the key was changed. */
async function outcomeOf(
  { phoneKeys, now }: AnswerDependencies,
  { device, nonce, body: { keySet } }: Call,
  challengeId: string,
  state: Outcome['state'],
): Promise<OutputOf<typeof deviceAnswer>> {
  if (keySet !== undefined) await phoneKeys.catchUpWith(keySet);
  const { signing } = phoneKeys.current();
  const { deviceId } = device;
  const said = { v: 1, challengeId, deviceId, answers: nonce, state, counted: true, at: now() } as const;
  return {
    outcome: await signOutcome(said, signing),
    keySets: keySet === undefined ? [] : phoneKeys.after(keySet),
  };
}
