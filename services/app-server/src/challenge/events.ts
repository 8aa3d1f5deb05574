import type { Method } from '@countersign/contracts';
import type { AttemptLane, LaneName } from './attempts.ts';
import type { OpenChallenge, Purpose } from './state.ts';

/** Why a code was refused. For the audit; the caller hears CODE_REJECTED whatever it was. */
export type RejectionReason = 'wrong' | 'replayed' | 'floor' | 'removed' | 'blocked' | 'disabled' | 'void' | 'decoy';

/** What the caller knows of a login, kept for the audit. */
export interface EventContext {
  ip?: string;
  device?: string;
  location?: string;
}

/** What happened to one user. Facts only: everything `evolve` needs is in the event, so that replaying gives the state. */
export type UserEvent =
  | {
      type: 'challenge.started';
      challenge: OpenChallenge;
      /** Nobody by this name, or nobody who could answer. */
      decoy?: true;
      context?: EventContext;
    }
  | {
      type: 'challenge.approved';
      key: string;
      applicationId: string;
      purpose: Purpose;
      method: Method;
      authenticatorId: string;
      attemptId: string;
      step?: number;
      driftSteps?: number;
      device?: string;
    }
  | {
      type: 'code.rejected';
      key: string;
      applicationId: string;
      method: Method;
      reason: RejectionReason;
      lane: LaneName;
      attempts: AttemptLane;
      /** The code was right and something else stood against it: it is used up all the same (OATH-25). */
      spent?: { authenticatorId: string; step: number };
    }
  | { type: 'code.resent'; key: string; applicationId: string; codeMac?: string; expiresAt: number }
  | { type: 'challenge.cancelled'; key: string; applicationId: string; attemptId: string }
  | { type: 'bypass.granted'; expiresAt: number; reason: string; by: string }
  | { type: 'bypass.used'; key: string; applicationId: string; attemptId: string; expiresAt: number; by: string }
  | { type: 'user.blocked'; reason: string; by: string }
  | { type: 'user.unblocked'; reason: string; by: string }
  | { type: 'user.disabled'; by: string }
  | { type: 'user.enabled'; by: string }
  | { type: 'authenticator.removed'; authenticatorId: string; by: string };

/** An event and when it happened, in ms since the epoch by the clock of the replica that appended it. */
export type DatedEvent = UserEvent & { at: number };
