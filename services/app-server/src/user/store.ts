import type { OtpAlgorithm, OtpDigits } from '@countersign/otp';
import { sql, type Kysely, type RawBuilder } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';

/** What a login needs to know of a user. */
export interface LoginUser {
  userId: string;
  username: string;
  displayName?: string;
  language?: string;
  status: 'enabled' | 'disabled';
  /** Oldest first. Pending ones are there too; those that were given up are not. */
  authenticators: LoginAuthenticator[];
  /** The ledger's last state as it was projected, and when that was (ms since the epoch). */
  ledger?: { state: unknown; at: number };
}

export interface LoginAuthenticator {
  authenticatorId: string;
  type: 'totp' | 'phone';
  state: 'pending' | 'active';
  /** ms since the epoch. */
  createdAt: number;
  algorithm: OtpAlgorithm;
  digits: OtpDigits;
  periodSeconds: number;
  /** The TOTP secret as bytes, or the phone number in E.164, sealed for `sealedAt` of login-users.ts. */
  sealed: string;
  /** Phone: the last two digits. */
  phoneEnd?: string;
}

/** @param canonicalName from `canonicalUsername`. */
export function findLogin(router: Router, canonicalName: string): Promise<LoginUser | undefined> {
  return router.read((db) =>
    loginUser(db, sql<string>`(select user_id from user_alias where canonical = ${canonicalName})`),
  );
}

/** @param options.from `primary` when what was just written must be seen. */
export function getLogin(
  router: Router,
  userId: string,
  options: { from?: 'primary' } = {},
): Promise<LoginUser | undefined> {
  return router.read((db) => loginUser(db, sql<string>`${userId}::uuid`), options);
}

/** One row a user and authenticator, in one round trip. */
async function loginUser(db: Kysely<Schema>, whose: RawBuilder<string>): Promise<LoginUser | undefined> {
  const rows = await db
    .selectFrom('app_user as u')
    .leftJoin('authenticator as a', (join) =>
      join
        .onRef('a.user_id', '=', 'u.user_id')
        .on((on) => on.or([on('a.state', '=', 'active'), on('a.expires_at', '>', on.fn<Date>('now'))])),
    )
    .leftJoin('user_ledger as l', 'l.user_id', 'u.user_id')
    .where('u.user_id', '=', whose)
    .select([
      'u.user_id',
      'u.username',
      'u.display_name',
      'u.language',
      'u.status',
      'a.authenticator_id',
      'a.type',
      'a.state',
      'a.created_at',
      'a.secret_sealed',
      'a.algorithm',
      'a.digits',
      'a.period_seconds',
      'a.phone_sealed',
      'a.phone_last_two',
      'l.state as ledger_state',
      'l.at as ledger_at',
    ])
    .orderBy('a.created_at')
    .execute();
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    userId: first.user_id,
    username: first.username,
    status: first.status,
    ...(first.display_name !== null && { displayName: first.display_name }),
    ...(first.language !== null && { language: first.language }),
    ...(first.ledger_at !== null && { ledger: { state: first.ledger_state, at: first.ledger_at.getTime() } }),
    authenticators: rows.flatMap((row): LoginAuthenticator[] => {
      const { authenticator_id: authenticatorId, type, state, created_at: createdAt } = row;
      if (authenticatorId === null || type === null || state === null || createdAt === null) return [];
      return [
        {
          authenticatorId,
          type,
          state,
          createdAt: createdAt.getTime(),
          algorithm: row.algorithm ?? 'SHA1',
          digits: (row.digits ?? 6) as OtpDigits,
          periodSeconds: row.period_seconds ?? 30,
          sealed: row.secret_sealed ?? row.phone_sealed ?? '',
          ...(row.phone_last_two !== null && { phoneEnd: row.phone_last_two }),
        },
      ];
    }),
  };
}
