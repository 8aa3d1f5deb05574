import { MfaError } from '@countersign/contracts';
import { barredReason, openChallenge, refuse, type CancelCommand, type Decision } from '../challenge/decide.ts';
import type { EventContext, RejectionReason } from '../challenge/events.ts';
import { MAX_CLOCK_SPREAD_MS, type RecoveryFloor } from '../challenge/floor.ts';
import { isRemoved, MAX_INVITATIONS, shortInvitation, type UserState } from '../challenge/state.ts';
import type { Asserted } from './assertion.ts';
import type { PasskeyRefusal } from './client-data.ts';

/**
 * Wrong answers that one challenge takes. Nobody guesses a signature, so they spend no budget, by which a stranger could keep the owner
 * out (R10); the bound keeps one challenge from filling the audit.
 */
export const MAX_ASSERTIONS = 5;

export interface AssertCommand extends CancelCommand {
  /** What became of holding the answer against the question; the signature is checked by then. */
  answer: { asserted: Asserted } | { refused: PasskeyRefusal };
  /** As Postgres has it: holds also where the ledger was not told. */
  disabled?: boolean;
}

/** The rule that decides a login by passkey, and whether a new one works. Pure, as those of ../challenge/decide.ts. */
export function decideAssert(state: UserState, command: AssertCommand, now: number): Decision {
  const found = openChallenge(state, command, now);
  if ('refuse' in found) return found;
  const { challenge } = found;
  const { key, applicationId, purpose, tries = 0 } = challenge;
  if (challenge.method !== 'passkey') {
    return refuse('REQUEST_INVALID', { detail: 'This challenge is answered with a code.' });
  }
  if (tries >= MAX_ASSERTIONS) return refuse('CHALLENGE_CLOSED', { reason: 'tried too often' });
  const { answer } = command;
  const barred = command.disabled === true ? 'disabled' : barredReason(state, challenge);
  if ('refused' in answer || barred !== undefined) {
    return rejected(barred ?? ('refused' in answer ? answer.refused : 'invalid'));
  }
  const { asserted } = answer;
  const reason = refusalOfPasskey(state, asserted);
  if (reason !== undefined) return rejected(reason);
  return {
    append: {
      type: 'challenge.approved',
      key,
      applicationId,
      purpose,
      method: 'passkey',
      authenticatorId: asserted.passkeyId,
      attemptId: command.attemptId,
      ...factsOf(state, asserted),
      ...(challenge.device !== undefined && { device: challenge.device }),
    },
  };

  function rejected(reason: RejectionReason): Decision {
    return { append: { type: 'assertion.rejected', key, applicationId, method: 'passkey', reason } };
  }
}

export interface AcceptCommand {
  /** Of the invitation; names what is good once. */
  key: string;
  /** ms since the epoch. */
  issuedAt: number;
  applicationId: string;
  attemptId: string;
  asserted: Asserted;
  floor: RecoveryFloor;
  disabled?: boolean;
  device?: string;
  context?: EventContext;
}

/**
 * Whether somebody whom nobody had named is let in by a passkey alone. An invitation is good once: the last few that were accepted
 * are kept by name, and none that is as old as the oldest of them counts any more.
 */
export function decideAccept(state: UserState, command: AcceptCommand, _now: number): Decision {
  const { key, issuedAt, asserted, floor } = command;
  const accepted = state.invitations ?? [];
  const isForgotten = accepted.length >= MAX_INVITATIONS && accepted.every(([, madeAt]) => issuedAt <= madeAt);
  const isUsed = accepted.some(([used]) => used === shortInvitation(key));
  if (isForgotten || isUsed) return refuse('CHALLENGE_CLOSED', { reason: 'used' });
  // From before a loss, it may have been used without a trace (HA-20).
  if (issuedAt <= floor.at + MAX_CLOCK_SPREAD_MS) return refuse('CHALLENGE_CLOSED', { reason: 'floor' });
  const reason = (command.disabled === true ? 'disabled' : barredReason(state)) ?? refusalOfPasskey(state, asserted);
  if (reason !== undefined) return { refuse: passkeyRejected(reason) };
  return {
    append: {
      type: 'invitation.accepted',
      key,
      applicationId: command.applicationId,
      method: 'passkey',
      authenticatorId: asserted.passkeyId,
      attemptId: command.attemptId,
      issuedAt,
      ...factsOf(state, asserted),
      ...(command.device !== undefined && { device: command.device }),
      ...(command.context !== undefined && { context: command.context }),
    },
  };
}

/** The same for whoever is refused, and whatever the reason was (R17, R21). */
export function passkeyRejected(reason: string, cause?: unknown): MfaError {
  return new MfaError('CREDENTIALS_REJECTED', { detail: 'The passkey was not accepted.', reason, cause });
}

/**
 * A counter that does not rise is that of a copy, or of an answer that another overtook. A key that cannot be copied is refused and
 * nothing else: the next answer counts higher, so nobody is locked out (WEB-06). One that is copied may count anyhow.
 * @see WebAuthn Level 3 section 6.1.1
 */
function refusalOfPasskey(state: UserState, asserted: Asserted): RejectionReason | undefined {
  if (isRemoved(state, asserted.passkeyId)) return 'removed';
  return wentBack(state, asserted) && !asserted.backupEligible ? 'counter' : undefined;
}

function wentBack(state: UserState, { passkeyId, signCount, knownSignCount }: Asserted): boolean {
  const known = Math.max(knownSignCount, state.factors[passkeyId]?.lastStep ?? 0);
  return (signCount > 0 || known > 0) && signCount <= known;
}

function factsOf(state: UserState, asserted: Asserted) {
  const { signCount, userVerified } = asserted;
  return {
    userVerified,
    ...(signCount > 0 && { step: signCount }),
    ...(wentBack(state, asserted) && { counterWentBack: true as const }),
  };
}
