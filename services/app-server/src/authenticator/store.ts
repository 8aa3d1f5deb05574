import { sql, type Kysely } from 'kysely';
import type { OtpAlgorithm, OtpDigits } from '@countersign/otp';
import { MfaError } from '@countersign/contracts';
import type { Schema } from '../database/schema.ts';

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

/**
 * Makes room for one more: drops what was never confirmed in time, and counts the rest under a lock on the user.
 * @throws MfaError USER_NOT_FOUND, AUTHENTICATOR_LIMIT.
 */
export async function claimPlace(
  db: Database,
  { userId, authenticatorId, max, now }: { userId: string; authenticatorId: string; max: number; now: Date },
): Promise<void> {
  const user = await db
    .selectFrom('app_user')
    .select('user_id')
    .where('user_id', '=', userId)
    .forUpdate()
    .executeTakeFirst();
  if (user === undefined) throw new MfaError('USER_NOT_FOUND');
  await db
    .deleteFrom('authenticator')
    .where('user_id', '=', userId)
    .where('state', '=', 'pending')
    .where('expires_at', '<=', now)
    .execute();
  const { count } = await db
    .selectFrom('authenticator')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('user_id', '=', userId)
    .where('authenticator_id', '!=', authenticatorId)
    .executeTakeFirstOrThrow();
  if (Number(count) >= max) throw new MfaError('AUTHENTICATOR_LIMIT');
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
