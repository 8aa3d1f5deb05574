import type { Kysely } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import { RELEASE } from '../release/release.ts';
import { StartRefused } from '../start-refused.ts';

/** Another number of streams than the installation was begun with: users would leave their spent codes behind. */
export class WrongLayout extends StartRefused {
  override readonly name = 'WrongLayout';
}

/**
 * The first app-server of an installation decides over how many streams its users are spread; every later one must say the same.
 * @throws WrongLayout with the setting to change; MfaError when no Postgres node answers, or the first cannot write it down.
 */
export async function adoptLayout(router: Router, streams: number): Promise<void> {
  // A standby that is behind may not even have the table.
  const read = router.read(adopted, { from: 'primary' }).catch(() => router.read(adopted));
  const known = (await read) ?? (await router.write((db) => adopt(db, streams)));
  if (known === streams) return;
  throw new WrongLayout(
    `COUNTERSIGN_LEDGER_STREAMS is ${streams}, and this installation keeps its ledger in ${known}. ` +
      `Set COUNTERSIGN_LEDGER_STREAMS=${known}: the number is chosen once, before the first start.`,
  );
}

async function adopt(db: Kysely<Schema>, streams: number): Promise<number> {
  await db
    .insertInto('ledger_layout')
    // A new installation has nobody of an earlier release to wait for.
    .values({ streams, release: RELEASE })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  // Another app-server may have been first.
  return (await adopted(db)) ?? streams;
}

async function adopted(db: Kysely<Schema>): Promise<number | undefined> {
  const row = await db.selectFrom('ledger_layout').select('streams').executeTakeFirst();
  return row?.streams;
}
