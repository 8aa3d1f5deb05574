import type { FactorRecord } from './state.ts';

/**
 * The recovery floor (HA-20): what was spent before it may have been forgotten, so no TOTP step up to it is accepted from an
 * authenticator whose record may be missing or old.
 */
export interface RecoveryFloor {
  /**
   * The later of the stream's creation and the last time an app-server started when no other was alive, in ms since the epoch.
   * Holds for authenticators without a record, or with one that came from the projection.
   */
  coldStartAt: number;
  /** When the ledger was last seen to have lost messages, in ms since the epoch. Holds for every record older than that. */
  lossAt: number;
}

interface TotpMatch {
  periodSeconds: number;
  createdAt: number;
  futureSteps: number;
  driftSteps: number;
}

/**
 * The newest step that may have been spent without a trace; only later ones count.
 * Codes may be accepted ahead of the clock by the window and the drift, so the floor is as far ahead.
 */
export function floorStepOf(floor: RecoveryFloor, match: TotpMatch, record: FactorRecord | undefined): number {
  const unsure = record === undefined || record.restored === true;
  const floorAt = Math.max(unsure ? floor.coldStartAt : 0, isOlder(record, match, floor.lossAt) ? floor.lossAt : 0);
  // An authenticator made after the floor cannot have been used before it.
  if (match.createdAt > floorAt) return -1;
  return Math.floor(floorAt / 1000 / match.periodSeconds) + match.futureSteps + Math.abs(match.driftSteps);
}

/** Whether the record may date from before `at`; a code counts up to the window and the drift ahead of the clock. */
function isOlder(record: FactorRecord | undefined, match: TotpMatch, at: number): boolean {
  if (record === undefined) return true;
  const writtenAfterStep = record.lastStep - match.futureSteps - Math.abs(match.driftSteps);
  return writtenAfterStep * match.periodSeconds * 1000 <= at;
}
