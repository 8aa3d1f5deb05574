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

/** Oldest first. None is ever taken out: somebody may come back after years, whose state was projected in it. */
export const STATE_FORMS: readonly StateForm[] = [
  { version: 1, since: 1, read: (stored) => stored as UserState, write: (state) => state },
];

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
