import { METHODS, type Method } from '@countersign/contracts';
import type { OtpAlgorithm, OtpDigits } from '@countersign/otp';
import { CompiledQuery } from 'kysely';
import type { Lane } from '../database/node.ts';
import type { Router } from '../database/router.ts';
import type { DirectoryLink } from '../directory/status.ts';

/** What a login needs to know of a user. */
export interface LoginUser {
  userId: string;
  username: string;
  displayName?: string;
  language?: string;
  status: 'enabled' | 'disabled';
  /** In which order the person wants to be asked; absent: as the policy says. */
  methods?: readonly Method[];
  /** Who they are in a directory. */
  link?: DirectoryLink;
  pin?: LoginPin;
  /** Oldest first. Pending ones are there too; those that were given up are not. */
  authenticators: LoginAuthenticator[];
}

/** What a PIN is held against; see pin/. */
export interface LoginPin {
  hash: string;
  /** An administrator made it. */
  mustChange: boolean;
  /** ms since the epoch. */
  setAt: number;
}

export interface LoginAuthenticator {
  authenticatorId: string;
  type: 'totp' | 'phone' | 'app';
  state: 'pending' | 'active';
  /** ms since the epoch. */
  createdAt: number;
  algorithm: OtpAlgorithm;
  digits: OtpDigits;
  periodSeconds: number;
  /** The TOTP secret as bytes, or the phone number in E.164, sealed for `sealedAt` of login-users.ts. An app has none: it shares no secret with us. */
  sealed?: string;
  /** Phone: the last two digits. */
  phoneEnd?: string;
}

/** @param canonicalName from `canonicalUsername`. */
export function findLogin(router: Router, canonicalName: string): Promise<LoginUser | undefined> {
  return readLogin(router, BY_NAME, canonicalName);
}

/** @param options.from `primary` when what was just written must be seen. */
export function getLogin(
  router: Router,
  userId: string,
  options: { from?: 'primary'; lane?: Lane } = {},
): Promise<LoginUser | undefined> {
  return readLogin(router, BY_ID, userId, options);
}

/**
 * The ledger's state of a user as it was projected last. Read apart from the user, because only who has no message in the ledger
 * starts from it, and it is larger than all the rest.
 */
export async function getProjectedState(router: Router, userId: string): Promise<unknown> {
  const row = await router.read((db) =>
    db.selectFrom('user_ledger').select('state').where('user_id', '=', userId).executeTakeFirst(),
  );
  return row?.state;
}

interface LoginRow {
  user_id: string;
  username: string;
  display_name: string | null;
  language: string | null;
  status: 'enabled' | 'disabled';
  methods: string[] | null;
  directory_id: string | null;
  directory_object: string | null;
  authenticator_id: string | null;
  type: 'totp' | 'phone' | 'app';
  state: 'pending' | 'active';
  created_at: Date;
  sealed: string | null;
  algorithm: OtpAlgorithm | null;
  digits: OtpDigits | null;
  period_seconds: number | null;
  phone_last_two: string | null;
  pin_hash: string | null;
  pin_must_change: boolean | null;
  pin_set_at: Date | null;
}

/** Text and not a builder: every login runs it twice, and building it costs as much again as running it. */
const loginQuery = (whose: string) => `
  select u.user_id, u.username, u.display_name, u.language, u.status, u.methods, u.directory_id, u.directory_object, a.authenticator_id, a.type, a.state, a.created_at,
    coalesce(a.secret_sealed, a.phone_sealed) as sealed, a.algorithm, a.digits, a.period_seconds, a.phone_last_two,
    p.hash as pin_hash, p.must_change as pin_must_change, p.set_at as pin_set_at
  from app_user u
  left join user_pin p on p.user_id = u.user_id
  left join authenticator a on a.user_id = u.user_id and (a.state = 'active' or a.expires_at > now())
  where u.user_id = ${whose}
  order by a.created_at`;
const BY_NAME = loginQuery('(select user_id from user_alias where canonical = $1)');
const BY_ID = loginQuery('$1::uuid');

/** One row for each authenticator, or one without, in one round trip. */
async function readLogin(
  router: Router,
  query: string,
  whose: string,
  options: { from?: 'primary'; lane?: Lane } = {},
): Promise<LoginUser | undefined> {
  const { rows } = await router.read((db) => db.executeQuery<LoginRow>(CompiledQuery.raw(query, [whose])), options);
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    userId: first.user_id,
    username: first.username,
    status: first.status,
    ...(first.display_name !== null && { displayName: first.display_name }),
    ...(first.language !== null && { language: first.language }),
    ...(first.directory_id !== null &&
      first.directory_object !== null && {
        link: { directoryId: first.directory_id, objectId: first.directory_object },
      }),
    ...(first.methods !== null && { methods: known(first.methods) }),
    ...(first.pin_hash !== null && {
      pin: {
        hash: first.pin_hash,
        mustChange: first.pin_must_change === true,
        setAt: first.pin_set_at?.getTime() ?? 0,
      },
    }),
    authenticators: rows.flatMap((row): LoginAuthenticator[] => {
      if (row.authenticator_id === null) return [];
      return [
        {
          authenticatorId: row.authenticator_id,
          type: row.type,
          state: row.state,
          createdAt: row.created_at.getTime(),
          algorithm: row.algorithm ?? 'SHA1',
          digits: row.digits ?? 6,
          periodSeconds: row.period_seconds ?? 30,
          ...(row.sealed !== null && { sealed: row.sealed }),
          ...(row.phone_last_two !== null && { phoneEnd: row.phone_last_two }),
        },
      ];
    }),
  };
}

/** Of a newer release there may be others. */
function known(names: readonly string[]): Method[] {
  return names.flatMap((name) => METHODS.find((method) => method === name) ?? []);
}
