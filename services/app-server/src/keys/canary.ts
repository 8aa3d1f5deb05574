import type { Router } from '../database/router.ts';
import { SealBroken, type KeyRing } from './ring.ts';

const PLAIN = Buffer.from('countersign');

/**
 * Opens what every key of this installation once sealed (R30). A replica with a wrong ring must not serve: it would refuse
 * every TOTP user, and seal new secrets that no other replica can open.
 * @throws SealBroken saying which key is missing or differs.
 */
export async function checkCanary(router: Router, ring: KeyRing, now: () => number): Promise<void> {
  const rows = await router.read((db) => db.selectFrom('key_canary').select(['key_id', 'sealed']).execute());
  for (const { key_id: keyId, sealed } of rows) {
    const opened = ring.open(sealed, canaryAt(keyId, ring));
    if (!PLAIN.equals(Buffer.from(opened))) throw new SealBroken(`the key ${keyId} differs from the installation's`);
  }
  if (rows.some(({ key_id: keyId }) => keyId === ring.currentId)) return;
  const sealed = ring.seal(PLAIN, canaryAt(ring.currentId, ring));
  await router.write((db) =>
    db
      .insertInto('key_canary')
      .values({ key_id: ring.currentId, sealed, created_at: new Date(now()) })
      .onConflict((conflict) => conflict.column('key_id').doNothing())
      .execute(),
  );
}

/** Names a hash of the root of keyed hashes as well, so that a ring with another root does not open it. */
function canaryAt(keyId: string, ring: KeyRing): string {
  return `key_canary/sealed/${keyId}/${ring.mac('canary').toString('base64url')}`;
}
