import { MfaError, type InvalidField } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import { violatedConstraint } from '../database/failure.ts';
import type { Schema } from '../database/schema.ts';
import { canonicalUsername } from './canonical.ts';

/** One spelling that leads to a user. */
export interface Name {
  canonical: string;
  spelling: string;
  isUsername: boolean;
}

/**
 * The names of a user, each once: an alias that is only another spelling of one before it is left out.
 * @throws MfaError REQUEST_INVALID saying which cannot be a name, and why.
 */
export function namesOf(username: string, aliases: readonly string[]): Name[] {
  const invalid: InvalidField[] = [];
  const names = new Map<string, Name>();
  const add = (spelling: string, pointer: string, isUsername: boolean) => {
    const name = canonicalUsername(spelling);
    if ('refused' in name) invalid.push({ pointer, message: name.refused });
    else if (!names.has(name.canonical)) names.set(name.canonical, { canonical: name.canonical, spelling, isUsername });
  };
  add(username, '/username', true);
  for (const [index, alias] of aliases.entries()) add(alias, `/aliases/${index}`, false);
  if (invalid.length > 0) throw new MfaError('REQUEST_INVALID', { invalid });
  return [...names.values()];
}

/** Takes names for a user. That each belongs to one user is settled by the primary key alone, whoever else is at it. */
export async function takeNames(db: Kysely<Schema>, userId: string, names: readonly Name[]): Promise<void> {
  await db
    .insertInto('user_alias')
    .values(
      names.map(({ canonical, spelling, isUsername }) => ({
        canonical,
        user_id: userId,
        spelling,
        is_username: isUsername,
      })),
    )
    .execute();
}

/** @throws MfaError USER_EXISTS in place of the database's complaint; anything else as it is. */
export function nameTaken(error: unknown): never {
  if (violatedConstraint(error) === 'user_alias_pkey') throw new MfaError('USER_EXISTS', { cause: error });
  throw error;
}
