import type { Method } from '@countersign/contracts';
import type { AttemptLane, LaneName } from './attempts.ts';
import type { PasskeyRefusal } from '../passkey/client-data.ts';
import type { Displayed, Evidence, PublicKeyJwk } from '@countersign/device-protocol';
import type { OpenChallenge, Purpose } from './state.ts';

/** Why a code was refused. For the audit; the caller hears CODE_REJECTED whatever it was. */
export type RejectionReason =
  | PasskeyRefusal
  /** Of a passkey that cannot be copied: it did not rise. */
  | 'counter'
  | 'wrong'
  /** The code was right, and the PIN beside it was not. */
  | 'pin'
  /** Of a password: right, and to be changed; or the account is let in nowhere; or the directory did not say. */
  | 'expired'
  | 'barred'
  | 'unknown'
  | 'replayed'
  | 'floor'
  | 'removed'
  | 'blocked'
  | 'disabled'
  | 'void'
  | 'decoy';

/** What became of the PIN that was asked for beside a code. `missing`: the person has none; `due`: right, and to be changed. */
export type PinOutcome = 'right' | 'wrong' | 'missing' | 'due';

/** The budget after something right that was paid for before it was looked at. */
export interface Refund {
  lane: LaneName;
  attempts: AttemptLane;
}

/** What a phone signed, with all that it takes to check it years later without us (DEV-31). */
export interface DecisionEvidence {
  /** The signed decision; see packages/device-protocol. */
  statement: string;
  /** Of the device, when it decided. */
  key: PublicKeyJwk;
  /** As we meant it to be shown. */
  displayed: Displayed;
  serverNonce: string;
  deviceId: string;
  /** Of an approval that a passkey has confirmed: what it signed, and for which page (DEV-35). */
  passkey?: NonNullable<Evidence['passkey']>;
}

/** An approval in the app without a number: no out-of-band authenticator by SP 800-63B section 3.1.3 (RAD-52). */
export type Assurance = 'oob-nonconformant';

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
      /** Of the app: what is left of the prompts that may be sent (R22). */
      prompted?: { lane: LaneName; attempts: AttemptLane };
      assurance?: Assurance;
    }
  | {
      /** The same login was begun anew, or somebody waits for it anew: no second prompt, and the approval is theirs (RAD-46). */
      type: 'challenge.joined';
      key: string;
      applicationId: string;
      method: 'app';
      attemptId: string;
      asker: string;
    }
  | {
      type: 'challenge.approved';
      key: string;
      applicationId: string;
      purpose: Purpose;
      method: Method;
      authenticatorId: string;
      attemptId: string;
      /** Of a code: its time step. Of a passkey: its counter. */
      step?: number;
      driftSteps?: number;
      device?: string;
      /** A password that was asked for beside the code: named here, and never among the methods (AAL-24). */
      pin?: PinOutcome;
      refund?: Refund;
      /** Of a passkey, also one that confirmed an approval in the app: unlocked by PIN or body. */
      userVerified?: boolean;
      /** Of a passkey that is copied: a sign of two that count apart (WEB-06). */
      counterWentBack?: true;
      /** Of the app. */
      evidence?: DecisionEvidence;
      /** Of a code that came with the login, so that nothing was started before. */
      context?: EventContext;
    }
  | {
      /**
       * Somebody said no in the app; or a code was right, and is used up, and the person has no PIN that could be asked for beside it, and
       * sets one at the portal.
       */
      type: 'challenge.denied';
      key: string;
      applicationId: string;
      method: Method;
      authenticatorId: string;
      attemptId: string;
      reason: string;
      step?: number;
      driftSteps?: number;
      pin?: PinOutcome;
      refund?: Refund;
      evidence?: DecisionEvidence;
      /** "This was not me": everything under way ends. `blocks`: and nothing more is sent to an app. */
      fraud?: 'noted' | 'blocks';
      /** With it: no prompt before, ms since the epoch. */
      quietUntil?: number;
    }
  | {
      /** The result of an approval in the app was handed out. */
      type: 'challenge.claimed';
      key: string;
      applicationId: string;
      method: 'app';
      attemptId: string;
      /** ms since the epoch. */
      approvedAt: number;
      /** Drawn by whoever fetched it: of several replicas that ask in one attempt, one tells it. */
      run?: string;
      assurance?: Assurance;
    }
  | {
      /** Paid for before the PIN is held against the person's (AAL-21). */
      type: 'pin.tried';
      key: string;
      applicationId: string;
      method: Method;
      lane: LaneName;
      attempts: AttemptLane;
    }
  | {
      /** A wrong answer of a passkey. It spends no budget. */
      type: 'assertion.rejected';
      key: string;
      applicationId: string;
      method: 'passkey';
      reason: RejectionReason;
    }
  | {
      /** Somebody signed in by passkey alone. */
      type: 'invitation.accepted';
      key: string;
      applicationId: string;
      method: 'passkey';
      authenticatorId: string;
      attemptId: string;
      /** When the invitation was made, ms since the epoch. */
      issuedAt: number;
      step?: number;
      device?: string;
      userVerified: boolean;
      counterWentBack?: true;
      context?: EventContext;
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
      pin?: PinOutcome;
      /** Of a code that came with the login, so that nothing was started before. */
      context?: EventContext;
    }
  | {
      /** Paid for before the directory is asked, so that no number of replicas asks it more often than the budget says (AAL-21). */
      type: 'password.tried';
      applicationId: string;
      run: string;
      lane: LaneName;
      attempts: AttemptLane;
      context?: EventContext;
    }
  | { type: 'password.accepted'; applicationId: string; lane: LaneName; attempts: AttemptLane }
  | { type: 'password.rejected'; applicationId: string; reason: RejectionReason }
  | { type: 'identity.accepted'; applicationId: string; attemptId: string; context?: EventContext }
  | { type: 'enrolment.granted'; codeMac: string; expiresAt: number; reason: string; by: string }
  | { type: 'enrolment.withdrawn'; by: string }
  | { type: 'enrolment.used'; applicationId: string }
  | { type: 'enrolment.rejected'; applicationId: string; reason: RejectionReason; attempts: AttemptLane }
  | { type: 'fraud.reported'; applicationId: string; loginId: string }
  | { type: 'session.ended'; reason: string; by: string }
  | { type: 'code.resent'; key: string; applicationId: string; codeMac?: string; expiresAt: number }
  | { type: 'challenge.cancelled'; key: string; applicationId: string; attemptId: string }
  | { type: 'bypass.granted'; expiresAt: number; reason: string; by: string }
  | { type: 'bypass.used'; key: string; applicationId: string; attemptId: string; expiresAt: number; by: string }
  | { type: 'user.blocked'; reason: string; by: string }
  | { type: 'user.unblocked'; reason: string; by: string }
  | { type: 'user.disabled'; by: string }
  | { type: 'user.enabled'; by: string }
  | { type: 'authenticator.removed'; authenticatorId: string; by: string };

/**
 * An event and when it happened, in ms since the epoch by the clock of the replica that appended it; where that clock stood
 * before the user's last event, the time of that one.
 */
export type DatedEvent = UserEvent & { at: number };
