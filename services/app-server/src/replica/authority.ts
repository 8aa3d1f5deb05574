import { MfaError } from '@countersign/contracts';
import {
  readInstallation,
  rolePermissions,
  unitePermissions,
  type Installation,
  type InstallationSecrets,
  type RolePermissions,
} from '@countersign/authority';
import { recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import { insertFounder } from './store.ts';

const PURPOSE = 'installation';
/** Where the sealed secrets stand. */
export const AUTHORITY_AT = `authority/sealed/${PURPOSE}`;

/** What admits replicas: public parts, and the secrets that were opened. */
export interface Authority extends Omit<Installation, 'founders' | 'version'> {
  /** Of every release that ran so far: replicas of two versions run side by side. */
  permissions: RolePermissions;
}

/**
 * Takes what `countersign cluster init` made into the database, once: its secrets sealed, whoever it admitted as active replicas.
 * @param text of authority.json. @throws Error when it is not that; MfaError PRIMARY_UNAVAILABLE.
 */
export async function adoptAuthority(
  deps: { router: Router; ring: KeyRing; now: () => number },
  text: string,
): Promise<boolean> {
  const { secrets, founders, version: _, ...document } = readInstallation(text);
  const now = deps.now();
  return deps.router.write((db) =>
    db.transaction().execute(async (transaction) => {
      const inserted = await transaction
        .insertInto('authority')
        .values({
          purpose: PURPOSE,
          sealed: deps.ring.seal(Buffer.from(JSON.stringify(secrets)), AUTHORITY_AT),
          document: JSON.stringify({ ...document, permissions: rolePermissions() }),
          issued_at: 0,
          created_at: new Date(now),
        })
        .onConflict((conflict) => conflict.column('purpose').doNothing())
        .executeTakeFirst();
      if (inserted.numInsertedOrUpdatedRows !== 1n) return false;
      for (const founder of founders) await insertFounder(transaction, founder, new Date(now));
      await recordAdministration(transaction, {
        type: 'replica.found',
        at: now,
        attemptId: `found-${document.account}`,
        actor: 'countersign cluster init',
        detail: { replicas: founders.map(({ name }) => name) },
      });
      return true;
    }),
  );
}

/** @throws MfaError AUTHORITY_MISSING, UNAVAILABLE; SealBroken when the ring lacks the key. */
export async function readAuthority(router: Router, ring: KeyRing): Promise<Authority> {
  const authority = await findAuthority(router, ring);
  if (authority === undefined) throw new MfaError('AUTHORITY_MISSING');
  return authority;
}

export async function findAuthority(router: Router, ring: KeyRing): Promise<Authority | undefined> {
  const row = await router.read((db) =>
    db.selectFrom('authority').select(['sealed', 'document']).where('purpose', '=', PURPOSE).executeTakeFirst(),
  );
  if (row === undefined) return undefined;
  const secrets = JSON.parse(ring.open(row.sealed, AUTHORITY_AT).toString('utf8')) as InstallationSecrets;
  return { ...(row.document as Omit<Authority, 'secrets'>), secrets };
}

/**
 * What each role may do: what it could, and what this release adds. Written down, so that a replica of the version before does
 * not take it away again. @throws MfaError PRIMARY_UNAVAILABLE.
 */
export async function currentPermissions(router: Router, authority: Authority): Promise<RolePermissions> {
  const united = unitePermissions(authority.permissions, rolePermissions());
  if (JSON.stringify(united) === JSON.stringify(authority.permissions)) return united;
  const { secrets: _, ...document } = { ...authority, permissions: united };
  await router.write((db) =>
    db
      .updateTable('authority')
      .set({ document: JSON.stringify(document) })
      .where('purpose', '=', PURPOSE)
      .execute(),
  );
  return united;
}

/**
 * Claims a second in which an account may be issued. NATS keeps the newer of two accounts by the second they were issued in, so
 * each second belongs to one of them, also among replicas whose clocks differ.
 * @returns false when that second, or a later one, is taken.
 */
export async function claimSecond(router: Router, second: number): Promise<boolean> {
  const updated = await router.write((db) =>
    db
      .updateTable('authority')
      .set({ issued_at: second })
      .where('purpose', '=', PURPOSE)
      .where('issued_at', '<', String(second))
      .executeTakeFirst(),
  );
  return updated.numUpdatedRows === 1n;
}
