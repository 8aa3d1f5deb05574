import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** Whom the tables belong to: an app-server that migrates connects as this role. */
const OWNER = 'countersign_owner';
/** The group of everybody who runs as app-server. Nobody logs in as the group. */
const GROUP = 'countersign_service';
/** Reads how the nodes are, and no table of ours. */
const MONITOR = 'countersign_monitor';
const DATABASE = 'countersign';
const ITERATIONS = 4096;

/** A Postgres node as app-servers reach it. */
export interface PostgresAddress {
  host: string;
  port: number;
}

export interface RolePassword {
  password: string;
  /** 16 random bytes. */
  salt: Uint8Array;
}

export type DatabaseDuty = 'owner' | 'firstAppServer' | 'monitor';

/** The login of a replica; it is a member of the group that app-servers run as. */
export function databaseLoginOf(replica: string): string {
  return `countersign_r_${replica.replaceAll('-', '_')}`;
}

/** So that the password stands in no log of Postgres. @see RFC 5802 section 3, RFC 7677 */
export function scramVerifier(password: string, salt: Uint8Array): string {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const mac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(mac('Client Key')).digest('base64');
  const server = mac('Server Key').toString('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${Buffer.from(salt).toString('base64')}$${stored}:${server}`;
}

/**
 * What the superuser runs once on the primary: one role for each duty, and the database. The owner makes the group and its first
 * member, because only who made a role may give it members and end it. A statement is a line.
 */
export function databaseStatements(firstAppServer: string, roles: Record<DatabaseDuty, RolePassword>): string[] {
  const verifier = (duty: DatabaseDuty) => `'${scramVerifier(roles[duty].password, roles[duty].salt)}'`;
  return [
    `create role ${OWNER} login createrole password ${verifier('owner')}`,
    `create role ${MONITOR} login password ${verifier('monitor')} in role pg_monitor`,
    `create database ${DATABASE} owner ${OWNER}`,
    `set role ${OWNER}`,
    `create role ${GROUP} nologin`,
    `create role ${databaseLoginOf(firstAppServer)} login password ${verifier('firstAppServer')} in role ${GROUP}`,
    'reset role',
  ];
}

/** Addresses of all nodes for one role. @param authority path of the certificate that theirs are checked against. */
export function databaseUrls(
  nodes: readonly PostgresAddress[],
  { login, password, authority }: { login: string; password: string; authority: string },
): string {
  return nodes
    .map(({ host, port }) => {
      const url = new URL(`postgres://${host}:${port}/${DATABASE}`);
      [url.username, url.password] = [login, password];
      url.searchParams.set('sslmode', 'verify-full');
      url.searchParams.set('sslrootcert', authority);
      return url.href;
    })
    .join(',');
}

export const DATABASE_LOGINS = { owner: OWNER, monitor: MONITOR } as const;
