import type { Method, Policy } from '@countersign/contracts';

/**
 * The budget of wrong codes, kept per user and factor (R2-R5). Two bounds hold at once:
 * - a wait that grows with the wrong codes in a row and ends with the next right one, so that guessing is slow at once and a
 *   person who mistyped is not;
 * - a bucket (GCRA) that no success refills, so that a year of guessing between the owner's own logins stays under 1 % (R4).
 *
 * There are two such budgets for each factor: one for browsers the user has logged in from before, one for anywhere else. So
 * somebody who knows only a name can use up only the second, and the owner gets in from a known browser (R10).
 */
export interface AttemptLane {
  /** Wrong codes since the last right one. */
  inARow: number;
  /** No code is looked at before, in ms since the epoch. */
  waitUntil: number;
  /** Theoretical arrival time of the bucket, in ms since the epoch. */
  fullUntil: number;
}

/** What has a budget: a way of answering, and what else can be guessed at. */
export type BudgetFactor = Method | 'password' | 'access-code';

export const LANES = ['anywhere', 'knownDevice'] as const;
export type LaneName = (typeof LANES)[number];
export type AttemptLanes = { [L in LaneName]?: AttemptLane };

export const UNSPENT: AttemptLane = { inARow: 0, waitUntil: 0, fullUntil: 0 };

/**
 * How long until a code may be looked at.
 * @param cost how many authenticators one code is held against: each is a chance to guess right.
 * @returns milliseconds; 0 means now.
 */
export function waitMs(
  lane: AttemptLane,
  policy: Policy['attempts'],
  name: LaneName,
  cost: number,
  now: number,
): number {
  const { burst, refillSeconds } = policy[name];
  const refillMs = refillSeconds * 1000;
  const spent = Math.max(lane.fullUntil, now) + Math.min(cost, burst) * refillMs;
  return Math.max(0, lane.waitUntil - now, spent - now - burst * refillMs);
}

/** The budget after one wrong code. */
export function spend(
  lane: AttemptLane,
  policy: Policy['attempts'],
  name: LaneName,
  cost: number,
  now: number,
): AttemptLane {
  const { burst, refillSeconds } = policy[name];
  const inARow = lane.inARow + 1;
  const doublings = inARow - policy.free;
  const waitSeconds =
    doublings < 0 ? 0 : Math.min(policy.longestWaitSeconds, policy.firstWaitSeconds * 2 ** Math.min(doublings, 30));
  return {
    inARow,
    waitUntil: now + waitSeconds * 1000,
    fullUntil: Math.max(lane.fullUntil, now) + Math.min(cost, burst) * refillSeconds * 1000,
  };
}

/** The budget after something that was paid for before it was looked at, and was right: as if it had not been tried. */
export function refund(lane: AttemptLane, policy: Policy['attempts'], name: LaneName, cost: number): AttemptLane {
  const { burst, refillSeconds } = policy[name];
  return {
    inARow: 0,
    waitUntil: 0,
    fullUntil: Math.max(0, lane.fullUntil - Math.min(cost, burst) * refillSeconds * 1000),
  };
}

/** The budget after a right code: the growing wait ends, the bucket stays as it is. */
export function recover(lane: AttemptLane): AttemptLane {
  return { ...lane, inARow: 0, waitUntil: 0 };
}
