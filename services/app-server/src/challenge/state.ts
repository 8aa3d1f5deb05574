import type { AccessLevel, Method } from '@countersign/contracts';
import type { AttemptLanes, BudgetFactor } from './attempts.ts';

/**
 * Everything that decides whether one user gets in, as it stands after the newest message on `auth.<userId>`.
 * Every list is bounded, so that the record stays under 5 KiB however many challenges are opened.
 */
export interface UserState {
  version: 1;
  /** Oldest first. Those past `expiresAt` stay until their place is needed. */
  open: OpenChallenge[];
  /** The last few that ended, oldest first, so that a late question gets a true answer. */
  closed: ClosedChallenge[];
  /** One-time use of TOTP codes: what was accepted last from each authenticator, by its id; the one used last comes last. */
  factors: { [authenticatorId: string]: FactorRecord };
  /** What was wrong, per factor. */
  attempts: { [F in BudgetFactor]?: AttemptLanes };
  /** Fingerprints of the browsers that the user logged in from, newest first (browser.ts). */
  knownDevices: string[];
  /** Authenticators taken away, newest first, shortened (isRemoved): a lagging standby may still list them. */
  removed: string[];
  /** By which the user signed in with a passkey alone, oldest first: each is good once. */
  invitations?: AcceptedInvitation[];
  blocked?: { reason: string; by: string; at: number };
  disabled?: true;
  bypass?: { expiresAt: number; by: string };
  /** A temporary access code: lets whoever has no factor enrol the first one, once. */
  enrolment?: { codeMac: string; expiresAt: number };
  /** The person said that a login was not theirs: nothing is sent to an app until an administrator lifts it. Since when, ms since the epoch. */
  pushBlocked?: number;
  /** The same where nobody has to lift it: no prompt before, ms since the epoch, whoever logs in meanwhile. */
  quietUntil?: number;
  /** Evidence of a sign-in from before counts no more (APP-06), ms since the epoch. */
  signedOutAt?: number;
  /** The same of whoever was let in to enrol a first factor, and nothing else. */
  newcomersOutAt?: number;
}

/** `enrol` proves possession of a new authenticator; it never lets anybody in. */
export type Purpose = 'login' | 'enrol';

export interface OpenChallenge {
  key: string;
  applicationId: string;
  purpose: Purpose;
  method: Method;
  /** The phone a code went to, or the authenticator being enrolled. Absent: any that fits the method. */
  authenticatorId?: string;
  digits: number;
  /** Keyed hash of the code that was sent (KEY-10). Absent: TOTP, or nothing can be right. */
  codeMac?: string;
  /** Messages sent so far; numbers the codes, so that an older one is void. */
  sends: number;
  sentAt: number;
  createdAt: number;
  expiresAt: number;
  /** The browser that the login is in (browser.ts); a phone is an authenticator. */
  device?: string;
  /** The code needs the person's PIN as well. */
  pin?: true;
  /** Where the login comes from, in one line, as the app shows it; shortened. */
  source?: string;
  /** Wrong answers so far. */
  tries?: number;
  /** Of the app, where the same login may be begun anew and is to find this one (RAD-46): a keyed hash of what makes it the same. */
  join?: string;
  /** Who alone may have the approval, where that is not whoever asks: shortened. The newest of those that joined. */
  asker?: string;
  /** The user was disabled or the authenticator removed meanwhile: no code is right any more (R17). */
  void?: true;
}

export interface ClosedChallenge {
  key: string;
  applicationId: string;
  method: Method | 'bypass';
  state: 'approved' | 'denied' | 'cancelled' | 'expired';
  expiresAt: number;
  /** Whose append closed it: the same attempt, repeated, gets the same answer. */
  attemptId: string;
  /** Left out for a login, which is what this list is asked for. */
  purpose?: 'enrol';
  /** Of what was approved in the app: when, ms since the epoch. Its result is fetched within CLAIM_SECONDS. */
  approvedAt?: number;
  /** It was fetched. */
  claimed?: true;
  /** Who alone may fetch it, where that is not whoever asks. */
  asker?: string;
}

/** The first 48 bits of its key, and when it was made, in ms since the epoch: as short as tells one user's apart. */
export type AcceptedInvitation = [key: string, issuedAt: number];

export interface FactorRecord {
  lastStep: number;
  driftSteps: number;
}

/** Bounds that keep the record under 5 KiB; a test fills all of them at once. */
export const MAX_OPEN = 4;
export const MAX_CLOSED = 4;
export const MAX_INVITATIONS = 4;
export const MAX_KNOWN_BROWSERS = 6;
/** As many as a user may have, so that all of them can be taken away while a standby lags. */
export const MAX_REMOVED = 10;
export const MAX_FACTORS = 10;
/** Longest reason and author kept in the record, in bytes of JSON; the event keeps them whole. */
export const MAX_TEXT_BYTES_IN_STATE = 64;

export const INITIAL_STATE: UserState = {
  version: 1,
  open: [],
  closed: [],
  factors: {},
  attempts: {},
  knownDevices: [],
  removed: [],
};

/**
 * What of a state still counts when the ledger may have forgotten what came after it: one that was projected into Postgres, of
 * a user whose subject holds no message, or one from before a loss (HA-20). Challenges are over, and so is a bypass, since
 * nobody can tell whether they were used, and so is an access code. Steps that were forgotten are below the recovery floor.
 */
export function restoredState(before: UserState): UserState {
  const { bypass: _, enrolment: __, ...kept } = before;
  return { ...kept, open: [], closed: [] };
}

/** When everybody who was in was signed out last, ms since the epoch; 0: never. */
export function signedOutAt(state: UserState, level: AccessLevel): number {
  return Math.max(state.signedOutAt ?? 0, level === 'enrolment' ? (state.newcomersOutAt ?? 0) : 0);
}

/** What was said of somebody on the way in, or in. */
export interface Said {
  level: AccessLevel;
  /** ms since the epoch. */
  issuedAt: number;
}

/** Whether what was said of a sign-in counts no more: everybody was signed out, or a login reported, after it (APP-06, DEV-33). */
export function isSignedOutSince(state: UserState, { level, issuedAt }: Said): boolean {
  return issuedAt < signedOutAt(state, level);
}

/** Whether an authenticator was taken away. */
export function isRemoved(state: UserState, authenticatorId: string): boolean {
  return state.removed.includes(shortId(authenticatorId));
}

export function shortInvitation(key: string): string {
  return key.slice(0, 8);
}

/** The first 48 bits of a UUID: enough to tell one user's authenticators apart. */
export function shortId(uuid: string): string {
  return uuid.slice(0, 13);
}
