import type { Migration } from './migration.ts';

/** What replicas remember of the ledger for those that start when none is alive (ADR 5). */
export const ledgerMemory: Migration = {
  number: 2,
  name: 'ledger_memory',
  statements: [
    `create table ledger_memory (
      is_only boolean default true constraint ledger_memory_pkey primary key,
      stream_created timestamptz not null,
      nats_server text,
      floor_at bigint not null,
      opened_by text not null,
      closed_at bigint,
      updated_at timestamptz not null default now(),
      constraint ledger_memory_one_row check (is_only)
    )`,
  ],
};
