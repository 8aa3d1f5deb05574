import { sql, type Kysely } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import type { Memory, Remembered } from './watch.ts';

/** Remembers in Postgres, which fails at other times than NATS does. */
export function postgresMemory(router: Router): Memory {
  return {
    recall: () =>
      router.read(recalled, { from: 'primary' }).catch(async () => {
        const found = await router.read(recalled);
        // A standby that is behind may show an end after which replicas ran again.
        return found && { ...found, closedAt: undefined };
      }),

    keep: async ({ createdAt, server, floor }, by) => {
      const columns = {
        stream_created: new Date(createdAt),
        nats_server: server ?? null,
        opened_by: by,
        closed_at: null,
      };
      await router.write((db) =>
        db
          .insertInto('ledger_memory')
          .values({ ...columns, floor_at: floor.at })
          .onConflict((conflict) =>
            conflict.column('is_only').doUpdateSet({
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
          .where('opened_by', 'in', left)
          .execute(),
      );
    },
  };
}

async function recalled(db: Kysely<Schema>): Promise<Remembered | undefined> {
  const row = await db.selectFrom('ledger_memory').selectAll().executeTakeFirst();
  return (
    row && {
      createdAt: row.stream_created.getTime(),
      server: row.nats_server ?? undefined,
      floor: { at: Number(row.floor_at) },
      closedAt: row.closed_at === null ? undefined : Number(row.closed_at),
    }
  );
}
