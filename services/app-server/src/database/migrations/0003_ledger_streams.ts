import type { Migration } from './migration.ts';

/** The ledger may be spread over several streams, each with a memory of its own (ADR 9). */
export const ledgerStreams: Migration = {
  number: 3,
  name: 'ledger_streams',
  statements: [
    `create table ledger_layout (
      is_only boolean default true constraint ledger_layout_pkey primary key,
      streams integer not null constraint ledger_layout_streams_range check (streams between 1 and 16),
      constraint ledger_layout_one_row check (is_only)
    )`,
    // Whoever has projected anything before this has had one stream.
    `insert into ledger_layout (streams) select 1 where exists (select from projection_checkpoint where stream = 'AUTH')`,
    // Replicas of the version before write the row of the one stream they know by is_only, which stays unique for that.
    `alter table ledger_memory drop constraint ledger_memory_pkey`,
    `alter table ledger_memory alter column is_only drop not null`,
    `alter table ledger_memory add constraint ledger_memory_is_only_key unique (is_only)`,
    `alter table ledger_memory add column stream text not null default 'AUTH'`,
    `alter table ledger_memory add constraint ledger_memory_stream_key unique (stream)`,
  ],
};
