/**
 * The recovery floor (HA-20): what was spent before it may have been forgotten, so nothing from before it counts. It rises
 * whenever nobody can tell whether the ledger still holds all that it acknowledged (see ../ledger/continuity.ts).
 */
export interface RecoveryFloor {
  /** In ms since the epoch, by the clock of the replica that raised it; 0: nothing can have been lost. */
  at: number;
}

/** How far the clocks of two ready replicas may be apart (HA-50). */
export const MAX_CLOCK_SPREAD_MS = 10_000;

/** What decides how far ahead of the clock a code was once accepted. */
interface Reach {
  periodSeconds: number;
  /** When the authenticator was enrolled, in ms since the epoch. */
  createdAt: number;
  futureSteps: number;
  maxDriftSteps: number;
}

/**
 * The newest step that may have been spent without a trace; only later ones count. Codes may have been accepted ahead of the
 * clock by the window and by any drift, which may be forgotten too, so the floor is as far ahead.
 */
export function floorStepOf(
  floor: RecoveryFloor,
  { periodSeconds, createdAt, futureSteps, maxDriftSteps }: Reach,
): number {
  // An authenticator made after the floor cannot have been used before it.
  if (createdAt > floor.at) return -1;
  return Math.floor((floor.at + MAX_CLOCK_SPREAD_MS) / 1000 / periodSeconds) + futureSteps + maxDriftSteps;
}
