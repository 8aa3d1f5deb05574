import { MfaError } from '@countersign/contracts';
import type { Decision as SignedDecision } from '@countersign/device-protocol';
import { barredReason, refuse, type Decision } from '../challenge/decide.ts';
import type { DecisionEvidence } from '../challenge/events.ts';
import { isRemoved, type OpenChallenge, type UserState } from '../challenge/state.ts';

export interface ActivateCommand {
  key: string;
  deviceId: string;
  attemptId: string;
  /** Whoever began it was let in to enrol the first factor, and nothing else. */
  isOfNewcomer: boolean;
  /** As Postgres has it. */
  disabled: boolean;
}

/**
 * The one-time code was right, and the phone has the key that it brought. Once: of two phones that were given the same code one becomes the
 * device. What was begun by somebody who was signed out since counts no more, as everything else of theirs (APP-06).
 */
export function decideActivate(state: UserState, command: ActivateCommand, now: number): Decision {
  const { key, deviceId, attemptId } = command;
  const challenge = state.open.find((candidate) => candidate.key === key);
  if (challenge === undefined || challenge.purpose !== 'enrol' || challenge.method !== 'app') return unknownCode();
  if (now >= challenge.expiresAt || challenge.void === true || isRemoved(state, deviceId)) return unknownCode();
  const signedOutAt = Math.max(state.signedOutAt ?? 0, command.isOfNewcomer ? (state.newcomersOutAt ?? 0) : 0);
  if (challenge.createdAt < signedOutAt) return unknownCode();
  if (command.disabled || barredReason(state) !== undefined) return refuse('USER_DISABLED');
  const { applicationId } = challenge;
  return {
    append: {
      type: 'challenge.approved',
      key,
      applicationId,
      purpose: 'enrol',
      method: 'app',
      authenticatorId: deviceId,
      attemptId,
    },
  };
}

function unknownCode(): { refuse: MfaError } {
  return refuse('ACTIVATION_NOT_FOUND');
}

export interface AnswerCommand {
  key: string;
  deviceId: string;
  attemptId: string;
  decision: SignedDecision['decision'];
  /** Whether the number that came with an approval is the one that was shown. */
  isNumberRight: boolean;
  evidence: DecisionEvidence;
  /** What a report of fraud brings besides. */
  fraud: 'noted' | 'blocks';
  /** How long nobody is asked after it. */
  coolDownMs: number;
  /** As Postgres has it. */
  disabled: boolean;
}

/**
 * What a phone said, whose signature is right, of the challenge that it was shown. A wrong number ends the challenge: whoever types one was
 * worn down, or has another login before them (R22).
 */
export function decideAnswer(state: UserState, command: AnswerCommand, now: number): Decision {
  const { key, deviceId, attemptId, decision, evidence } = command;
  const found = promptFor(state, key, now);
  if ('refuse' in found) return found;
  if (isRemoved(state, deviceId)) return refuse('DEVICE_UNKNOWN');
  const { applicationId, device } = found.challenge;
  const answered = { key, applicationId, method: 'app', authenticatorId: deviceId, attemptId, evidence } as const;
  if (decision === 'fraud') {
    const reported = { type: 'challenge.denied', ...answered, reason: 'fraud', fraud: command.fraud } as const;
    // Where nothing is blocked until somebody lifts it, it is quiet for a while at least (R22).
    return { append: command.fraud === 'blocks' ? reported : { ...reported, quietUntil: now + command.coolDownMs } };
  }
  if (decision === 'deny') return { append: { type: 'challenge.denied', ...answered, reason: 'denied' } };
  if (command.disabled || barredReason(state) !== undefined) return refuse('USER_DISABLED');
  if (!command.isNumberRight) return { append: { type: 'challenge.denied', ...answered, reason: 'number' } };
  return {
    append: {
      type: 'challenge.approved',
      ...answered,
      purpose: 'login',
      ...(evidence.passkey !== undefined && { userVerified: true }),
      ...(device !== undefined && { device }),
    },
  };
}

/** The login that a phone may answer, or why there is none. */
export function promptFor(
  state: UserState,
  key: string,
  now: number,
): { challenge: OpenChallenge } | { refuse: MfaError } {
  const challenge = state.open.find((candidate) => candidate.key === key);
  if (challenge === undefined) {
    const closed = state.closed.find((candidate) => candidate.key === key);
    if (closed === undefined || closed.method !== 'app') return refuse('CHALLENGE_NOT_FOUND');
    return refuse('CHALLENGE_CLOSED', { detail: `It was ${closed.state}.`, reason: closed.state });
  }
  if (challenge.method !== 'app' || challenge.purpose !== 'login') return refuse('CHALLENGE_NOT_FOUND');
  if (now >= challenge.expiresAt) return refuse('CHALLENGE_CLOSED', { detail: 'It expired.', reason: 'expired' });
  if (challenge.void === true) return refuse('CHALLENGE_CLOSED', { detail: 'It was cancelled.', reason: 'void' });
  return { challenge };
}

/** What a person's phones are to show now, oldest first. */
export function promptsOf(state: UserState, now: number): OpenChallenge[] {
  return state.open.filter((one) => 'challenge' in promptFor(state, one.key, now));
}
