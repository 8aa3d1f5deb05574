import { MfaError, type InputOf, type OutputOf, type userFind } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';
import { canonicalUsername } from './canonical.ts';
import { viewUsers, type ViewDependencies } from './view.ts';

const DEFAULT_LIMIT = 50;
/** Sorts after every character that a name may hold. */
const LAST = '\u{10FFFF}';

/**
 * Users by one exact name, or by the beginning of a name, in the order of the names; everybody when neither is given.
 * @throws MfaError REQUEST_INVALID, UNAVAILABLE.
 */
export async function find(
  deps: ViewDependencies,
  input: InputOf<typeof userFind>,
): Promise<OutputOf<typeof userFind>> {
  const { limit = DEFAULT_LIMIT } = input;
  const range = rangeOf(input);
  if (range === undefined) return { users: [] };
  const after = input.after === undefined ? '' : decodeCursor(input.after);
  const found = await deps.router.read((db) => findIds(db, range, after, limit + 1), { lane: 'report' });
  const page = found.slice(0, limit);
  const users = await viewUsers(
    deps,
    page.map(({ user_id: userId }) => userId),
  );
  const last = page.at(-1);
  if (last === undefined || found.length <= limit) return { users };
  return { users, next: Buffer.from(last.canonical).toString('base64url') };
}

interface Range {
  from: string;
  to: string;
}

/** What to look between, both ends included; undefined for a text that no name can be or begin with. */
function rangeOf({ username, prefix }: InputOf<typeof userFind>): Range | undefined {
  if (username !== undefined && prefix !== undefined) {
    throw new MfaError('REQUEST_INVALID', { detail: 'Ask for a username or a prefix, not for both.' });
  }
  if (username === undefined && (prefix === undefined || prefix.trim() === '')) return { from: '', to: LAST };
  const name = canonicalUsername(username ?? prefix ?? '');
  if ('refused' in name) return undefined;
  return { from: name.canonical, to: username === undefined ? name.canonical + LAST : name.canonical };
}

/** A user whom several names in the range lead to stands where the first of them does, and nowhere else. */
async function findIds(db: Kysely<Schema>, { from, to }: Range, after: string, limit: number) {
  return db
    .selectFrom('user_alias as a')
    .select(['a.user_id', 'a.canonical'])
    .where('a.canonical', '>=', from)
    .where('a.canonical', '<=', to)
    .where('a.canonical', '>', after)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('user_alias as b')
            .select('b.canonical')
            .whereRef('b.user_id', '=', 'a.user_id')
            .whereRef('b.canonical', '<', 'a.canonical')
            .where('b.canonical', '>=', from)
            .where('b.canonical', '<=', to),
        ),
      ),
    )
    .orderBy('a.canonical')
    .limit(limit)
    .execute();
}

function decodeCursor(next: string): string {
  const text = Buffer.from(next, 'base64url').toString('utf8');
  if (text !== '' && !text.includes('\0')) return text;
  throw new MfaError('REQUEST_INVALID', {
    invalid: [{ pointer: '/after', message: 'must be `next` of the page before' }],
  });
}
