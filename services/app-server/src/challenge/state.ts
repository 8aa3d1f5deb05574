import type { Method } from '@countersign/contracts';
import type { AttemptLanes } from './attempts.ts';

/**
 * Everything that decides whether one user gets in, as it stands after the newest message on `auth.<userId>`.
 * Every list is bounded, so that the record stays under 4 KiB however many challenges are opened.
 */
export interface UserState {
  version: 1;
  /** Oldest first. Those past `expiresAt` stay until their place is needed. */
  open: OpenChallenge[];
  /** The last few that ended, oldest first, so that a late question gets a true answer. */
  closed: ClosedChallenge[];
  /** One-time use of TOTP codes: the newest step accepted from each authenticator. */
  factors: FactorRecord[];
  /** Wrong codes, per factor. */
  attempts: { [M in Method]?: AttemptLanes };
  /** Fingerprints of where the user logged in from, newest first. */
  knownDevices: string[];
  /** Authenticators taken away, newest first: a lagging standby may still list them. */
  removed: string[];
  blocked?: { reason: string; by: string; at: number };
  disabled?: true;
  bypass?: { expiresAt: number; by: string };
}

/** `enrol` proves possession of a new authenticator; it never lets anybody in. */
export type Purpose = 'login' | 'enrol';

export interface OpenChallenge {
  key: string;
  applicationId: string;
  purpose: Purpose;
  method: Method;
  /** The phone a code went to, or the authenticator being enrolled. */
  authenticatorId?: string;
  digits: number;
  /** Keyed hash of the code that was sent (KEY-10). Absent: TOTP, or nothing can be right. */
  codeMac?: string;
  /** Messages sent so far; numbers the codes, so that an older one is void. */
  sends: number;
  sentAt: number;
  createdAt: number;
  expiresAt: number;
  device?: string;
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
}

export interface FactorRecord {
  authenticatorId: string;
  lastStep: number;
  driftSteps: number;
  /** Came from the projection, which may lag: the recovery floor holds for it. */
  restored?: true;
}

/** Bounds that keep the record under 4 KiB; a test fills all of them at once. */
export const MAX_OPEN = 6;
export const MAX_CLOSED = 5;
export const MAX_KNOWN_DEVICES = 6;
export const MAX_REMOVED = 6;
export const MAX_FACTORS = 10;
/** Longest reason and author kept in the record; the event keeps them whole. In characters. */
export const MAX_REASON_IN_STATE = 80;

export const INITIAL_STATE: UserState = {
  version: 1,
  open: [],
  closed: [],
  factors: [],
  attempts: {},
  knownDevices: [],
  removed: [],
};

/**
 * Where a user starts whose subject holds no message: from what was projected into Postgres. Challenges are gone, and so is
 * a bypass, since nobody can tell whether it was used.
 */
export function restoredState(projected: UserState): UserState {
  const { bypass: _, ...kept } = projected;
  return {
    ...kept,
    open: [],
    closed: [],
    factors: projected.factors.map((factor) => ({ ...factor, restored: true })),
  };
}
