import { sql, type Kysely } from 'kysely';
import type { OtpAlgorithm, OtpDigits } from '@countersign/otp';
import { MfaError } from '@countersign/contracts';
import type { Schema } from '../database/schema.ts';
import { lockUser } from '../user/lock.ts';

type Database = Kysely<Schema>;

interface NewAuthenticator {
  authenticatorId: string;
  userId: string;
  label: string;
  state: 'pending' | 'active';
  createdAt: Date;
  /** Of a pending one. */
  expiresAt?: Date;
}

export interface NewTotp extends NewAuthenticator {
  sealed: string;
  algorithm: OtpAlgorithm;
  digits: OtpDigits;
  periodSeconds: number;
}

export interface NewPhone extends NewAuthenticator {
  sealed: string;
  lastTwo: string;
  /** Keyed hash of the number. */
  mac: Buffer;
}

interface Place {
  userId: string;
  authenticatorId: string;
  /** Of any kind. */
  max: number;
  /** Of phones, when it is to be one. */
  maxPhones?: number;
  /** Of apps, likewise. */
  maxApps?: number;
  now: Date;
}

/**
 * Makes room for one more: drops what was never confirmed in time, and counts the rest under a lock on the user.
 * @throws MfaError USER_NOT_FOUND, AUTHENTICATOR_LIMIT, also of apps; NOT_ALLOWED when there are as many phones as a person may have.
 */
export async function claimPlace(
  db: Database,
  { userId, authenticatorId, max, maxPhones = Infinity, maxApps = Infinity, now }: Place,
): Promise<void> {
  await lockUser(db, userId);
  await db
    .deleteFrom('authenticator')
    .where('user_id', '=', userId)
    .where('state', '=', 'pending')
    .where('expires_at', '<=', now)
    .execute();
  await db
    .deleteFrom('passkey')
    .where('user_id', '=', userId)
    .where('state', '=', 'pending')
    .where('expires_at', '<=', now)
    .execute();
  const all = await db
    .selectFrom('authenticator')
    .select(['authenticator_id as id', sql<string>`type`.as('type')])
    .where('user_id', '=', userId)
    .unionAll(
      db
        .selectFrom('passkey')
        .select(['passkey_id as id', sql<string>`'passkey'`.as('type')])
        .where('user_id', '=', userId),
    )
    .execute();
  const others = all.filter(({ id }) => id !== authenticatorId);
  if (others.length >= max) throw new MfaError('AUTHENTICATOR_LIMIT');
  if (others.filter(({ type }) => type === 'phone').length >= maxPhones) {
    throw new MfaError('NOT_ALLOWED', { reason: 'maxPhones' });
  }
  if (others.filter(({ type }) => type === 'app').length >= maxApps) throw new MfaError('AUTHENTICATOR_LIMIT');
}

/** @returns false when this attempt made the row before; it is left as it is. */
export async function insertTotp(db: Database, totp: NewTotp): Promise<boolean> {
  return inserted(db, {
    ...common(totp),
    type: 'totp',
    secret_sealed: totp.sealed,
    algorithm: totp.algorithm,
    digits: totp.digits,
    period_seconds: totp.periodSeconds,
  });
}

/** @returns false when this attempt made the row before; it is left as it is. */
export async function insertPhone(db: Database, phone: NewPhone): Promise<boolean> {
  return inserted(db, {
    ...common(phone),
    type: 'phone',
    phone_sealed: phone.sealed,
    phone_last_two: phone.lastTwo,
    phone_mac: phone.mac,
  });
}

/** @returns false when this attempt made the row before; it is left as it is. */
export function insertApp(db: Database, app: NewAuthenticator): Promise<boolean> {
  return inserted(db, { ...common(app), type: 'app' });
}

/** @throws MfaError AUTHENTICATOR_NOT_FOUND when it is gone meanwhile. */
export async function activate(db: Database, userId: string, authenticatorId: string, now: Date): Promise<void> {
  const updated = await db
    .updateTable('authenticator')
    .set({ state: 'active', expires_at: null, confirmed_at: sql<Date>`coalesce(confirmed_at, ${now})` })
    .where('authenticator_id', '=', authenticatorId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  if (updated.numUpdatedRows !== 1n) throw new MfaError('AUTHENTICATOR_NOT_FOUND');
}

/** @returns false when this user has no such authenticator. */
export async function setLabel(db: Database, userId: string, authenticatorId: string, label: string): Promise<boolean> {
  const updated = await db
    .updateTable('authenticator')
    .set({ label })
    .where('authenticator_id', '=', authenticatorId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

export async function deleteAuthenticator(db: Database, userId: string, authenticatorId: string): Promise<boolean> {
  const deleted = await db
    .deleteFrom('authenticator')
    .where('authenticator_id', '=', authenticatorId)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return deleted.numDeletedRows === 1n;
}

function common({ authenticatorId, userId, label, state, createdAt, expiresAt }: NewAuthenticator) {
  return {
    authenticator_id: authenticatorId,
    user_id: userId,
    label,
    state,
    created_at: createdAt,
    expires_at: expiresAt ?? null,
    confirmed_at: state === 'active' ? createdAt : null,
  };
}

type Row = Parameters<ReturnType<Database['insertInto']>['values']>[0];

async function inserted(db: Database, row: Row): Promise<boolean> {
  const result = await db
    .insertInto('authenticator')
    .values(row as never)
    .onConflict((conflict) => conflict.column('authenticator_id').doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}
