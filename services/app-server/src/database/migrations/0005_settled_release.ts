import type { Migration } from './migration.ts';

/** The release that the installation was finalized on (ADR 13); null, as the first release leaves it, means 1. */
export const settledRelease: Migration = {
  number: 5,
  name: 'settled_release',
  statements: [
    `alter table ledger_layout add column release integer
      constraint ledger_layout_release_range check (release > 0)`,
  ],
};
