import type { Router } from '../database/router.ts';
import type { KeyRing } from './ring.ts';

const PURPOSE = 'mac';

/** Where the sealed root stands. */
export const KEY_ROOT_AT = `key_root/sealed/${PURPOSE}`;

/**
 * Gives the ring the root of its keyed hashes. It was made of the installation's first key and is kept sealed ever since, so
 * that keys come and go without any open challenge, any budget of a phone number or any known browser being forgotten.
 * @throws SealBroken when the ring lacks the key that sealed it; MfaError when Postgres does not answer.
 */
export async function adoptKeyRoot(router: Router, ring: KeyRing, now: () => number): Promise<void> {
  const sealed = (await readRoot(router)) ?? (await makeRoot(router, ring, now));
  ring.adoptRoot(ring.open(sealed, KEY_ROOT_AT));
}

async function readRoot(router: Router, from?: 'primary'): Promise<string | undefined> {
  const row = await router.read(
    (db) => db.selectFrom('key_root').select('sealed').where('purpose', '=', PURPOSE).executeTakeFirst(),
    from === undefined ? {} : { from },
  );
  return row?.sealed;
}

/** Of replicas that start together the first one makes it; the others read what it made. */
async function makeRoot(router: Router, ring: KeyRing, now: () => number): Promise<string> {
  const sealed = ring.seal(ring.firstRoot(), KEY_ROOT_AT);
  await router.write((db) =>
    db
      .insertInto('key_root')
      .values({ purpose: PURPOSE, sealed, created_at: new Date(now()) })
      .onConflict((conflict) => conflict.column('purpose').doNothing())
      .execute(),
  );
  return (await readRoot(router, 'primary')) ?? sealed;
}
