import { sql, type Kysely } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import type { Memory, Remembered } from './watch.ts';

/** Remembers in Postgres, which fails at other times than NATS does. */
export function postgresMemory(router: Router, stream: string): Memory {
  const recalled = (db: Kysely<Schema>) => recall(db, stream);
  return {
    recall: () =>
      router.read(recalled, { from: 'primary' }).catch(async () => {
        const found = await router.read(recalled);
        // A standby that is behind may show an end after which replicas ran again.
        return found && { ...found, closedAt: undefined };
      }),

    keep: async ({ createdAt, processes, floor }, by) => {
      const columns = {
        stream_created: new Date(createdAt),
        nats_server: processes.length === 0 ? null : processes.join(' '),
        opened_by: by,
        closed_at: null,
      };
      await router.write((db) =>
        db
          .insertInto('ledger_memory')
          .values({ ...columns, stream, is_only: stream === 'AUTH' ? true : null, floor_at: floor.at })
          .onConflict((conflict) =>
            conflict.column('stream').doUpdateSet({
              ...columns,
              floor_at: sql`greatest(ledger_memory.floor_at, excluded.floor_at)`,
              updated_at: sql`now()`,
            }),
          )
          .execute(),
      );
    },

    close: async (lastSequence, left) => {
      await router.write((db) =>
        db
          .updateTable('ledger_memory')
          .set({ closed_at: lastSequence, updated_at: sql`now()` })
          .where('stream', '=', stream)
          .where('opened_by', 'in', left)
          .execute(),
      );
    },
  };
}

async function recall(db: Kysely<Schema>, stream: string): Promise<Remembered | undefined> {
  const row = await db.selectFrom('ledger_memory').selectAll().where('stream', '=', stream).executeTakeFirst();
  return (
    row && {
      createdAt: row.stream_created.getTime(),
      processes: row.nats_server?.split(' ') ?? [],
      floor: { at: Number(row.floor_at) },
      closedAt: row.closed_at === null ? undefined : Number(row.closed_at),
    }
  );
}
