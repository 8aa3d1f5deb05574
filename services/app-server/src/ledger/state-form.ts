import { MfaError } from '@countersign/contracts';
import type { UserState } from '../challenge/state.ts';

/** One form in which a user's state is stored: in the ledger, and in Postgres as it was projected. */
export interface StateForm {
  version: number;
  /** Written once the installation is settled on this release: then every app-server reads it. */
  since: number;
  /** @param stored of this version. */
  read(stored: object): UserState;
  /** What an app-server of the release before must be able to decide on. */
  write(state: UserState): object;
}

/** What the installation is settled on, as far as this replica has heard. */
export interface Settled {
  readonly number: number;
  /** Somebody wrote a form that is written from this release on. */
  hear(release: number): void;
}

/** The release that brought form 2. */
const KNOWN_SINCE = 2;

/** Oldest first. None is ever taken out: somebody may come back after years, whose state was projected in it. */
export const STATE_FORMS: readonly StateForm[] = [
  { version: 1, since: 1, read: (stored) => stored as UserState, write: (state) => state },
  // Budgets of passwords and access codes, passkeys, access codes, reports of fraud. Release 1 would decide without them, so none of
  // them is used before release 2 is settled (assertKnown): until then there is nothing here that form 1 does not hold.
  { version: 2, since: KNOWN_SINCE, read: readCompact, write: writeCompact },
];

/** @throws MfaError UPGRADE_UNFINISHED while an app-server may run that would lose what only the newest form says (ADR 13). */
export function assertKnown({ number }: Pick<Settled, 'number'>): void {
  if (number < KNOWN_SINCE) throw new MfaError('UPGRADE_UNFINISHED');
}

/** Form 2 leaves out the names of what there is most of: the record is read and written with every step of a login. */
interface CompactState extends Omit<UserState, 'version' | 'attempts' | 'factors'> {
  version: 2;
  attempts: { [factor: string]: { [lane: string]: [inARow: number, waitUntil: number, fullUntil: number] } };
  factors: { [authenticatorId: string]: [lastStep: number, driftSteps: number] };
}

function readCompact(stored: object): UserState {
  const { attempts, factors, ...rest } = stored as CompactState;
  return {
    ...rest,
    version: 1,
    attempts: mapped(attempts, (lanes) =>
      mapped(lanes, ([inARow, waitUntil, fullUntil]) => ({ inARow, waitUntil, fullUntil })),
    ),
    factors: mapped(factors, ([lastStep, driftSteps]) => ({ lastStep, driftSteps })),
  };
}

function writeCompact({ attempts, factors, ...rest }: UserState): CompactState {
  return {
    ...rest,
    version: 2,
    attempts: mapped(attempts, (lanes) =>
      mapped(lanes, ({ inARow, waitUntil, fullUntil }) => [inARow, waitUntil, fullUntil]),
    ),
    factors: mapped(factors, ({ lastStep, driftSteps }) => [lastStep, driftSteps]),
  };
}

function mapped<From, To>(
  record: { [key: string]: From | undefined },
  change: (value: From) => To,
): { [key: string]: To } {
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]) => (value === undefined ? [] : [[key, change(value)] as const])),
  );
}

/** Not one of ours, or of a version that is newer than this replica. Reading it again would not help. */
export class RecordUnreadable extends Error {
  override readonly name = 'RecordUnreadable';
}

/**
 * Whoever reads a form has heard that its release is settled: written again in an older one, it could lose what that does not hold.
 * @throws RecordUnreadable
 */
export function readState(stored: unknown, settled: Settled, forms = STATE_FORMS): UserState {
  if (typeof stored !== 'object' || stored === null) throw new RecordUnreadable('a state that is none');
  const { version } = stored as { version?: unknown };
  const form = forms.find((known) => known.version === version);
  if (form === undefined) throw new RecordUnreadable(`a state of unknown version ${String(version)}`);
  settled.hear(form.since);
  return form.read(stored);
}

export function storedState(state: UserState, settled: Pick<Settled, 'number'>, forms = STATE_FORMS): object {
  const form = forms.findLast(({ since }) => since <= settled.number);
  if (form === undefined) throw new RangeError(`no form of a state is known to release ${settled.number}`);
  return form.write(state);
}
