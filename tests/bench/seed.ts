import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { uuidFrom } from '@countersign/contracts';
import type { KeyRing } from '../../services/app-server/src/keys/ring.ts';
import { canonicalUsername } from '../../services/app-server/src/user/canonical.ts';
import { sealedAt } from '../../services/app-server/src/user/login-users.ts';

export interface SeededUser {
  userId: string;
  username: string;
  secret: Uint8Array;
  phone: string;
}

const BATCH = 2000;

/** The n-th user of a bench, the same every time. */
export function seededUser(number: number): SeededUser {
  const digest = createHash('sha512').update(`bench/${number}`).digest();
  return {
    userId: uuidFrom(digest),
    username: `bench-${number}`,
    secret: digest.subarray(20, 40),
    phone: `+3712${String(number).padStart(7, '0')}`,
  };
}

/** Writes users with an active TOTP authenticator and an active phone each, past the API: 100,000 in about half a minute. */
export async function seedUsers(url: string, ring: KeyRing, from: number, to: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (let start = from; start < to; start += BATCH) await insert(client, ring, start, Math.min(to, start + BATCH));
    await client.query('analyze app_user, user_alias, authenticator');
  } finally {
    await client.end();
  }
}

async function insert(client: pg.Client, ring: KeyRing, from: number, to: number): Promise<void> {
  const users = Array.from({ length: to - from }, (_, index) => seededUser(from + index));
  const ids = users.map(({ userId }) => userId);
  const names = users.map(({ username }) => username);
  const canonical = names.map((name) => {
    const outcome = canonicalUsername(name);
    return 'canonical' in outcome ? outcome.canonical : name;
  });
  const totpIds = users.map(() => uuidFrom(randomBytes(16)));
  const phoneIds = users.map(() => uuidFrom(randomBytes(16)));
  await client.query(
    `insert into app_user (user_id, username, status, created_at, updated_at)
     select id, name, 'enabled', now(), now() from unnest($1::uuid[], $2::text[]) as t(id, name)`,
    [ids, names],
  );
  await client.query(
    `insert into user_alias (canonical, user_id, spelling, is_username)
     select canonical, id, name, true from unnest($1::uuid[], $2::text[], $3::text[]) as t(id, name, canonical)`,
    [ids, names, canonical],
  );
  await client.query(
    `insert into authenticator (authenticator_id, user_id, type, label, state, secret_sealed, algorithm, digits, period_seconds,
       created_at, confirmed_at)
     select id, user_id, 'totp', 'bench', 'active', sealed, 'SHA1', 6, 30, now(), now()
     from unnest($1::uuid[], $2::uuid[], $3::text[]) as t(id, user_id, sealed)`,
    [
      totpIds,
      ids,
      users.map(({ secret }, index) =>
        ring.seal(secret, sealedAt({ authenticatorId: totpIds[index] ?? '', type: 'totp' })),
      ),
    ],
  );
  await client.query(
    `insert into authenticator (authenticator_id, user_id, type, label, state, phone_sealed, phone_last_two, phone_mac,
       created_at, confirmed_at)
     select id, user_id, 'phone', 'bench', 'active', sealed, last_two, mac, now(), now()
     from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[]) as t(id, user_id, sealed, last_two, mac)`,
    [
      phoneIds,
      ids,
      users.map(({ phone }, index) =>
        ring.seal(Buffer.from(phone), sealedAt({ authenticatorId: phoneIds[index] ?? '', type: 'phone' })),
      ),
      users.map(({ phone }) => phone.slice(-2)),
      users.map(({ phone }) => ring.mac('phone', phone)),
    ],
  );
}
