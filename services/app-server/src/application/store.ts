import { sql, type Kysely } from 'kysely';
import { MfaError, type Scope } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';

type Database = Kysely<Schema>;

export interface StoredKey {
  keyId: string;
  secretHash: Buffer;
  createdAt: number;
  expiresAt?: number;
}

export interface StoredApplication {
  applicationId: string;
  name: string;
  scopes: Scope[];
  createdAt: number;
  keys: StoredKey[];
  certificates: string[];
}

/** All applications with their keys. They are few, and read together every few seconds. */
export async function readApplications(router: Router): Promise<StoredApplication[]> {
  return router.read(async (db) => {
    const [applications, keys, certificates] = await Promise.all([
      db.selectFrom('application').selectAll().orderBy('name').execute(),
      db.selectFrom('application_key').selectAll().where('revoked_at', 'is', null).orderBy('created_at').execute(),
      db.selectFrom('application_certificate').selectAll().orderBy('fingerprint').execute(),
    ]);
    return applications.map((row) => ({
      applicationId: row.application_id,
      name: row.name,
      scopes: row.scopes as Scope[],
      createdAt: row.created_at.getTime(),
      keys: keys
        .filter((key) => key.application_id === row.application_id)
        .map((key) => ({
          keyId: key.key_id,
          secretHash: key.secret_hash,
          createdAt: key.created_at.getTime(),
          ...(key.expires_at !== null && { expiresAt: key.expires_at.getTime() }),
        })),
      certificates: certificates
        .filter((certificate) => certificate.application_id === row.application_id)
        .map(({ fingerprint }) => fingerprint),
    }));
  });
}

/** @returns false when the id or the name is taken; nothing was changed then. */
export async function insertApplication(
  db: Database,
  { applicationId, name, scopes }: { applicationId: string; name: string; scopes: readonly Scope[] },
  now: Date,
): Promise<boolean> {
  const inserted = await db
    .insertInto('application')
    .values({ application_id: applicationId, name, scopes: [...scopes], created_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return inserted.numInsertedOrUpdatedRows === 1n;
}

export async function insertKey(
  db: Database,
  key: { keyId: string; applicationId: string; secretHash: Buffer },
  now: Date,
): Promise<void> {
  await db
    .insertInto('application_key')
    .values({ key_id: key.keyId, application_id: key.applicationId, secret_hash: key.secretHash, created_at: now })
    .onConflict((conflict) => conflict.column('key_id').doNothing())
    .execute();
}

/** Older keys end at `at`, unless they end sooner. */
export async function expireOtherKeys(db: Database, applicationId: string, keyId: string, at: Date): Promise<void> {
  await db
    .updateTable('application_key')
    .set({ expires_at: sql<Date>`least(coalesce(expires_at, ${at}), ${at})` })
    .where('application_id', '=', applicationId)
    .where('key_id', '!=', keyId)
    .execute();
}

/** @throws MfaError REQUEST_INVALID when a certificate is another application's. */
export async function setCertificates(
  db: Database,
  applicationId: string,
  fingerprints: readonly string[],
  now: Date,
): Promise<void> {
  await db.deleteFrom('application_certificate').where('application_id', '=', applicationId).execute();
  if (fingerprints.length === 0) return;
  const inserted = await db
    .insertInto('application_certificate')
    .values(fingerprints.map((fingerprint) => ({ fingerprint, application_id: applicationId, created_at: now })))
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (inserted.numInsertedOrUpdatedRows === BigInt(new Set(fingerprints).size)) return;
  throw new MfaError('REQUEST_INVALID', {
    invalid: [{ pointer: '/certificates', message: 'one of them belongs to another application' }],
  });
}

/** @throws MfaError APPLICATION_NOT_FOUND. */
export async function lockApplication(db: Database, applicationId: string): Promise<void> {
  const row = await db
    .selectFrom('application')
    .select('application_id')
    .where('application_id', '=', applicationId)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw new MfaError('APPLICATION_NOT_FOUND');
}

export async function deleteApplication(db: Database, applicationId: string): Promise<boolean> {
  const deleted = await db.deleteFrom('application').where('application_id', '=', applicationId).executeTakeFirst();
  return deleted.numDeletedRows === 1n;
}
