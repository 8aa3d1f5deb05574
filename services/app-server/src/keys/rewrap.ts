import type { InputOf, keysRewrap, OutputOf } from '@countersign/contracts';
import { sql, type Kysely } from 'kysely';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import { pushAt } from '../device/store.ts';
import { bindPasswordAt } from '../directory/store.ts';
import { clientSecretAt } from '../radius-client/store.ts';
import { upstreamSecretAt } from '../radius-upstream/store.ts';
import { AUTHORITY_AT } from '../replica/authority.ts';
import { sealedAt } from '../user/login-users.ts';
import { phoneKeyAt } from './phone-keys.ts';
import { SealBroken, type KeyRing } from './ring.ts';
import { KEY_ROOT_AT } from './root.ts';
import { signingKeyAt } from './signing-keys.ts';

const DEFAULT_BATCH = 500;

/** Every column that holds sealed text. */
const SEALED_COLUMNS: readonly { table: string; id: string; column: string; place: (id: string) => string }[] = [
  {
    table: 'authenticator',
    id: 'authenticator_id',
    column: 'secret_sealed',
    place: (authenticatorId) => sealedAt({ authenticatorId, type: 'totp' }),
  },
  {
    table: 'authenticator',
    id: 'authenticator_id',
    column: 'phone_sealed',
    place: (authenticatorId) => sealedAt({ authenticatorId, type: 'phone' }),
  },
  {
    table: 'notice',
    id: 'authenticator_id',
    column: 'phone_sealed',
    place: (authenticatorId) => sealedAt({ authenticatorId, type: 'phone' }),
  },
  { table: 'directory', id: 'directory_id', column: 'bind_password_sealed', place: bindPasswordAt },
  { table: 'radius_client', id: 'client_id', column: 'secret_sealed', place: clientSecretAt },
  { table: 'radius_upstream', id: 'upstream_id', column: 'secret_sealed', place: upstreamSecretAt },
  { table: 'signing_key', id: 'kid', column: 'private_sealed', place: signingKeyAt },
  { table: 'phone_key_set', id: 'version', column: 'private_sealed', place: phoneKeyAt },
  { table: 'device', id: 'device_id', column: 'push_sealed', place: pushAt },
  { table: 'key_root', id: 'purpose', column: 'sealed', place: () => KEY_ROOT_AT },
  { table: 'authority', id: 'purpose', column: 'sealed', place: () => AUTHORITY_AT },
];
type SealedColumn = (typeof SEALED_COLUMNS)[number];

/**
 * Seals some of what older keys sealed again under the newest (KEY-05). Call it until `remaining` is 0, or until a call seals
 * nothing: what is left then cannot be opened by any key of the ring. After that the old keys may leave the ring, a day later,
 * when nothing sealed by them waits in a stream any more.
 * @throws MfaError PRIMARY_UNAVAILABLE.
 */
export async function rewrap(
  deps: { router: Router; ring: KeyRing; now: () => number },
  { batch = DEFAULT_BATCH }: InputOf<typeof keysRewrap>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof keysRewrap>> {
  const { router, ring } = deps;
  return router.write((db) =>
    db.transaction().execute(async (transaction) => {
      let rewrapped = 0;
      for (const column of SEALED_COLUMNS) {
        if (rewrapped < batch) rewrapped += await rewrapColumn(transaction, ring, column, batch - rewrapped);
      }
      const counts = await Promise.all(SEALED_COLUMNS.map((column) => countOld(transaction, ring, column)));
      const remaining = counts.reduce((sum, count) => sum + count, 0);
      // From here on a ring without the old keys is complete.
      if (remaining === 0) {
        await transaction.deleteFrom('key_canary').where('key_id', '!=', ring.currentId).execute();
      }
      if (rewrapped > 0) {
        await recordAdministration(transaction, {
          type: 'keys.rewrap',
          at: deps.now(),
          attemptId: request.attemptId,
          actor: request.application.name,
          detail: { keyId: ring.currentId, rewrapped, remaining },
        });
      }
      return { rewrapped, remaining };
    }),
  );
}

async function rewrapColumn(
  db: Kysely<Schema>,
  ring: KeyRing,
  { table, id, column, place }: SealedColumn,
  limit: number,
): Promise<number> {
  const [from, key, value] = [sql.table(table), sql.ref(id), sql.ref(column)];
  const { rows } = await sql<{ id: string; sealed: string }>`
    select ${key}::text as id, ${value} as sealed from ${from}
    where not starts_with(${value}, ${prefixOf(ring)}) order by ${key} limit ${limit} for update`.execute(db);
  let count = 0;
  for (const row of rows) {
    const sealed = sealAgain(ring, row.sealed, place(row.id));
    if (sealed === undefined) continue;
    await sql`update ${from} set ${value} = ${sealed} where ${key}::text = ${row.id}`.execute(db);
    count += 1;
  }
  return count;
}

/** What no key opens stays as it is, and is counted as remaining: the rest must not wait for it. */
function sealAgain(ring: KeyRing, sealed: string, place: string): string | undefined {
  try {
    return ring.seal(ring.open(sealed, place), place);
  } catch (error) {
    if (error instanceof SealBroken) return undefined;
    throw error;
  }
}

async function countOld(db: Kysely<Schema>, ring: KeyRing, { table, column }: SealedColumn): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    select count(*) as count from ${sql.table(table)} where not starts_with(${sql.ref(column)}, ${prefixOf(ring)})`.execute(
    db,
  );
  return Number(rows[0]?.count ?? 0);
}

function prefixOf(ring: KeyRing): string {
  return `v1.${ring.currentId}.`;
}
