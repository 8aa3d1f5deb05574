import { sql } from 'kysely';
import { MfaError, type InputOf, type OutputOf, type userFind } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { canonicalUsername } from './canonical.ts';
import { readUsers, withBlock } from './view.ts';

const DEFAULT_LIMIT = 50;

/**
 * Users by exactly one name in any spelling, or by what their names begin with, a page at a time.
 * @throws MfaError REQUEST_INVALID, UNAVAILABLE.
 */
export async function find(
  { router, ledger }: { router: Router; ledger: Ledger },
  { username, prefix, after = '', limit = DEFAULT_LIMIT }: InputOf<typeof userFind>,
): Promise<OutputOf<typeof userFind>> {
  if (username !== undefined && prefix !== undefined) {
    throw new MfaError('REQUEST_INVALID', { detail: 'Ask for a username or a prefix, not for both.' });
  }
  const wanted = canonicalOf(username ?? prefix ?? '');
  // A name that touches nobody finds nobody; only an absent one lists all.
  if (wanted === undefined && (username !== undefined || prefix !== undefined)) return { users: [] };
  const pattern = `${(wanted ?? '').replaceAll(/[\\%_]/g, String.raw`\$&`)}${username === undefined ? '%' : ''}`;
  return router
    .read(
      async (db) => {
        const { rows } = await sql<{ canonical: string; user_id: string }>`
          select min(canonical) as canonical, user_id::text from user_alias
          where canonical like ${pattern} group by user_id having min(canonical) > ${after}
          order by 1 limit ${limit + 1}`.execute(db);
        const page = rows.slice(0, limit);
        const users = await readUsers(
          db,
          page.map(({ user_id: userId }) => userId),
        );
        const next = rows.length > limit ? page.at(-1)?.canonical : undefined;
        return { users, ...(next !== undefined && { next }) };
      },
      { lane: 'report' },
    )
    .then(async ({ users, ...rest }) => ({
      ...rest,
      users: await Promise.all(users.map((row) => withBlock(ledger, row))),
    }));
}

function canonicalOf(text: string): string | undefined {
  const name = canonicalUsername(text);
  return 'canonical' in name ? name.canonical : undefined;
}
