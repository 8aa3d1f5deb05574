import { MfaError } from '@countersign/contracts';
import type { Kysely, Selectable } from 'kysely';
import type { Lane } from '../database/node.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import type { LoginPasskey } from './assertion.ts';
import type { NewPasskey } from './registration.ts';

type Database = Kysely<Schema>;
type Row = Selectable<Schema['passkey']>;

/** One that is being enrolled. */
export interface PendingPasskey {
  passkeyId: string;
  userId: string;
  label: string;
  rpId: string;
  userHandle: Buffer;
  createdBy: string;
  createdAt: Date;
  expiresAt: Date;
}

/** @returns false when this attempt made the row before; it is left as it is. */
export async function insertPasskey(db: Database, passkey: PendingPasskey): Promise<boolean> {
  const result = await db
    .insertInto('passkey')
    .values({
      passkey_id: passkey.passkeyId,
      user_id: passkey.userId,
      label: passkey.label,
      state: 'pending',
      rp_id: passkey.rpId,
      user_handle: passkey.userHandle,
      created_by: passkey.createdBy,
      created_at: passkey.createdAt,
      expires_at: passkey.expiresAt,
    })
    .onConflict((conflict) => conflict.column('passkey_id').doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

/** What all passkeys of a user have in common; undefined before the first. */
export async function userHandleOf(db: Database, userId: string): Promise<Buffer | undefined> {
  const row = await db
    .selectFrom('passkey')
    .select('user_handle')
    .where('user_id', '=', userId)
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst();
  return row?.user_handle;
}

/** Pending and active ones, oldest first, those of other hosts among them. */
export function passkeysOf(db: Database, userId: string): Promise<Row[]> {
  return db
    .selectFrom('passkey')
    .selectAll()
    .where('user_id', '=', userId)
    .where((eb) => eb.or([eb('state', '=', 'active'), eb('expires_at', '>', eb.fn<Date>('now'))]))
    .orderBy('created_at')
    .execute();
}

/** Those that count. */
export async function readActive(
  router: Router,
  userId: string,
  options: { from?: 'primary'; lane?: Lane } = {},
): Promise<LoginPasskey[]> {
  const rows = await router.read((db) => passkeysOf(db, userId), options);
  return rows.flatMap(loginPasskey);
}

export async function readByCredential(router: Router, credentialId: Buffer): Promise<LoginPasskey | undefined> {
  const rows = await router.read((db) =>
    db.selectFrom('passkey').selectAll().where('credential_id', '=', credentialId).execute(),
  );
  return rows.flatMap(loginPasskey)[0];
}

/** Whether it is another passkey of anybody. @see WebAuthn Level 3 section 7.1, "not yet registered" */
export async function isEnrolled(db: Database, credentialId: Buffer, passkeyId: string): Promise<boolean> {
  const row = await db
    .selectFrom('passkey')
    .select('passkey_id')
    .where('credential_id', '=', credentialId)
    .where('passkey_id', '!=', passkeyId)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * From here on it counts. One that is active stays as it is.
 * @throws MfaError AUTHENTICATOR_NOT_FOUND when it is gone meanwhile.
 */
export async function activatePasskey(
  db: Database,
  userId: string,
  passkeyId: string,
  passkey: NewPasskey,
  now: Date,
): Promise<void> {
  const updated = await db
    .updateTable('passkey')
    .set({
      state: 'active',
      expires_at: null,
      confirmed_at: now,
      credential_id: passkey.credentialId,
      public_key: passkey.publicKey,
      sign_count: String(passkey.signCount),
      aaguid: passkey.aaguid,
      transports: passkey.transports,
      backup_eligible: passkey.backupEligible,
      backup_state: passkey.backupState,
      user_verified: passkey.userVerified,
      attestation_format: passkey.attestationFormat,
      attested_model: passkey.attestedModel ?? null,
    })
    .where('passkey_id', '=', passkeyId)
    .where('user_id', '=', userId)
    .where('state', '=', 'pending')
    .executeTakeFirst();
  if (updated.numUpdatedRows !== 1n) throw new MfaError('AUTHENTICATOR_NOT_FOUND');
}

export async function deletePasskey(db: Database, userId: string, passkeyId: string): Promise<boolean> {
  const deleted = await db
    .deleteFrom('passkey')
    .where('passkey_id', '=', passkeyId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return deleted.numDeletedRows === 1n;
}

function loginPasskey(row: Row): LoginPasskey[] {
  const { credential_id: credentialId, public_key: publicKey, backup_eligible: backupEligible } = row;
  if (row.state !== 'active' || credentialId === null || publicKey === null || backupEligible === null) return [];
  return [
    {
      passkeyId: row.passkey_id,
      userId: row.user_id,
      rpId: row.rp_id,
      userHandle: row.user_handle,
      credentialId,
      publicKey,
      signCount: Number(row.sign_count ?? 0),
      transports: row.transports ?? [],
      backupEligible,
      aaguid: row.aaguid ?? '',
      isAttested: row.attested_model !== null,
    },
  ];
}
