import type { ProjectionStatus } from '../audit/follow.ts';
import type { Check } from '@countersign/contracts';
import type { LedgerContinuity } from '../ledger/continuity.ts';
import type { Partition } from '../ledger/partition.ts';

/** What of a part's continuity is shown. */
type Seen = Pick<LedgerContinuity, 'isProven' | 'floor'>;

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Whether this replica knows that the ledger lost nothing; and whether it did, lately. */
export function checkContinuity(
  { partition, continuity }: { partition: Pick<Partition, 'stream'>; continuity: Seen },
  now: number,
): Check {
  const name = `ledger.continuity.${partition.stream}`;
  if (!continuity.isProven()) {
    return {
      name,
      level: 'fail',
      detail: 'not proven: this replica decides no login until it is',
      advice: 'It tries again by itself. If it lasts, look at the connection to NATS in the log.',
    };
  }
  const { at } = continuity.floor();
  if (at === 0) return { name, level: 'ok', detail: 'nothing was lost' };
  const since = new Date(at).toISOString();
  const detail = `codes from before ${since} do not count (recovery floor, ADR 5)`;
  if (now - at > HOUR_MS) return { name, level: 'ok', detail };
  return {
    name,
    level: 'warn',
    detail,
    advice:
      'Expected after a first start. If not, the ledger was lost or rolled back then: find out why in the NATS logs.',
  };
}

/** HA-42: nothing is lost while the projection waits, but it must not wait for as long as the stream keeps events. */
export function checkProjection({ stream, waiting, lagMs }: ProjectionStatus): Check {
  const name = `audit.projection.${stream}`;
  if (waiting === undefined)
    return { name, level: 'warn', detail: 'not looked at yet', advice: 'Ask again in a moment.' };
  const detail = waiting === 0 ? 'up to date' : `${waiting} events wait, the oldest for ${Math.round(lagMs / 1000)} s`;
  if (waiting === 0 || lagMs <= MINUTE_MS) return { name, level: 'ok', detail };
  return {
    name,
    level: lagMs > HOUR_MS ? 'fail' : 'warn',
    detail,
    advice: 'They are written when the Postgres primary takes them. Nothing is lost until they are 30 days old.',
  };
}
