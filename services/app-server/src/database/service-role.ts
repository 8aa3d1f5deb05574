import { sql } from 'kysely';
import { StartRefused } from '../start-refused.ts';
import { sqlStateOf } from './failure.ts';
import { SERVICE_ROLE, TABLE_GRANTS } from './grants.ts';
import type { Router } from './router.ts';

interface Role {
  role: string;
  superuser: boolean;
  /** There is a role for the service beside the owner. */
  separated: boolean;
  owns: boolean;
  lacks: string[];
}

const GRANTS = TABLE_GRANTS.flatMap(({ tables, privileges }) =>
  tables.flatMap((table) => privileges.map((privilege) => ({ table, privilege }))),
);

/**
 * Looks whether app-server runs as a role that may do what it needs and no more. Where the tables belong to the role itself, and
 * there is none beside it, nobody separated the two: that is a small installation, and no mistake.
 * @throws StartRefused; MfaError when no node answers.
 */
export async function assertServiceRole(router: Router): Promise<void> {
  const found = await router.read(async (db) => {
    const tables = GRANTS.map(({ table }) => table);
    const privileges = GRANTS.map(({ privilege }) => privilege);
    const { rows } = await sql<Role>`
      select current_user::text as role,
        (select rolsuper from pg_roles where rolname = current_user) as superuser,
        to_regrole(${SERVICE_ROLE}) is not null as separated,
        coalesce(pg_has_role(current_user, (select relowner from pg_class where oid = to_regclass('schema_migration')), 'usage'),
          false) as owns,
        array(
          select wanted.privilege || ' on ' || wanted.name
          from unnest(${tables}::text[], ${privileges}::text[]) as wanted (name, privilege)
          where to_regclass(wanted.name) is null or not has_table_privilege(to_regclass(wanted.name), wanted.privilege)
        ) as lacks`.execute(db);
    return rows[0];
  });
  if (found !== undefined) refuse(found);
}

function refuse({ role, superuser, separated, owns, lacks }: Role): void {
  if (superuser) {
    throw new StartRefused(
      `COUNTERSIGN_POSTGRES_URLS names the superuser ${role}: whoever breaks into app-server would own the database server. ` +
        `Name ${SERVICE_ROLE}, or a login that is a member of it.`,
    );
  }
  if (separated && owns) {
    throw new StartRefused(
      `COUNTERSIGN_POSTGRES_URLS names ${role}, who owns the tables and could change what was recorded. Name ${SERVICE_ROLE} there, ` +
        'and the owner in COUNTERSIGN_POSTGRES_OWNER_URLS.',
    );
  }
  const [first] = lacks;
  if (first !== undefined) {
    throw new StartRefused(
      `COUNTERSIGN_POSTGRES_URLS names ${role}, who may not ${first}. Name ${SERVICE_ROLE} or a member of it, and start one app-server ` +
        'with COUNTERSIGN_POSTGRES_OWNER_URLS: it gives that role what it needs.',
    );
  }
}

/** @see PostgreSQL documentation, appendix A: 42501 insufficient_privilege, 28000 and 28P01 invalid authorization. */
const INSUFFICIENT_PRIVILEGE = '42501';
const NOT_LET_IN = /^28/;

/**
 * Why migrating as `setting` says cannot work, whenever it is tried; undefined when it may work later.
 * @param hasOwner whether COUNTERSIGN_POSTGRES_OWNER_URLS is set.
 */
export function refusalOfMigration(error: unknown, hasOwner: boolean): StartRefused | undefined {
  if (!hasOwner) return undefined;
  const states = statesOf(error);
  if (states.some((state) => NOT_LET_IN.test(state))) {
    return new StartRefused(
      'Postgres does not let in the user of COUNTERSIGN_POSTGRES_OWNER_URLS. Check the name, the password and pg_hba.conf.',
      { cause: error },
    );
  }
  if (!states.includes(INSUFFICIENT_PRIVILEGE)) return undefined;
  return new StartRefused(
    'COUNTERSIGN_POSTGRES_OWNER_URLS names a role that may not change the schema. Name the owner of the tables there, ' +
      `and not ${SERVICE_ROLE}; or leave the setting out where another app-server migrates.`,
    { cause: error },
  );
}

/** Why reading as COUNTERSIGN_POSTGRES_URLS says cannot work; undefined when it may work later. */
export function refusalOfService(error: unknown): StartRefused | undefined {
  if (!statesOf(error).some((state) => NOT_LET_IN.test(state))) return undefined;
  return new StartRefused(
    'Postgres does not let in the user of COUNTERSIGN_POSTGRES_URLS. Check the name, the password and pg_hba.conf.',
    { cause: error },
  );
}

/** SQLSTATEs of an error, of what caused it, and of those that it gathers. */
function statesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const state = sqlStateOf(error);
  const inside = [...(error instanceof AggregateError ? error.errors : []), error.cause];
  return [...(state === undefined ? [] : [state]), ...inside.flatMap(statesOf)];
}
