import { databaseLoginOf, scramVerifier } from '@countersign/authority';
import { sql, type Kysely } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';

const SALT_BYTES = 16;
const PASSWORD_BYTES = 24;

export interface DatabaseLogin {
  login: string;
  /** Hexadecimal: nothing in it needs escaping in an address. */
  password: string;
  /** What Postgres keeps of it. */
  verifier: string;
}

/** A login of its own for one replica; it is a member of the group that app-servers run as. */
export function databaseLogin(replica: string, randomBytes: (size: number) => Buffer): DatabaseLogin {
  const password = randomBytes(PASSWORD_BYTES).toString('hex');
  return { login: databaseLoginOf(replica), password, verifier: scramVerifier(password, randomBytes(SALT_BYTES)) };
}

export async function makeLogin(db: Kysely<Schema>, { login, verifier }: DatabaseLogin): Promise<void> {
  await sql`select replica_login_make(${login}, ${verifier})`.execute(db);
}

/** No new session from now on, and an end to those there are, on whichever node they run. */
export async function endLogin(router: Router, login: string): Promise<void> {
  await router.write((db) => sql`select replica_login_end(${login})`.execute(db));
  await router.write((db) => sql`select replica_login_cut(${login})`.execute(db));
  // A read goes to the standby where there is one.
  await router.read((db) => sql`select replica_login_cut(${login})`.execute(db)).catch(() => undefined);
}

/** The same nodes for another login. */
export function urlsFor(urls: readonly string[], { login, password }: DatabaseLogin): string[] {
  return urls.map((text) => {
    const url = new URL(text);
    [url.username, url.password] = [login, password];
    return url.href;
  });
}
