import { userFind, type UserView } from '@countersign/contracts';
import { command } from '../command.ts';
import { given } from '../given.ts';
import { userTable } from './view.ts';

const DEFAULT_LIMIT = 50;
const PAGE = 200;

export const usersFind = command({
  name: 'users find',
  summary: 'List users whose name or an alias begins so.',
  arguments: { beginning: { description: 'Beginning of a name or alias; every user without it.', optional: true } },
  options: {
    limit: {
      kind: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      description: `How many at most; ${DEFAULT_LIMIT} unless given.`,
    },
    after: { kind: 'text', value: 'next', description: 'Go on where a list ended that said there are more.' },
  },
  examples: [
    'countersign users find',
    'countersign users find al --limit 10',
    'countersign users find --limit 100000 --json',
  ],
  async run(session, { beginning, limit = DEFAULT_LIMIT, after }) {
    const { ask } = await session.connection();
    const users: UserView[] = [];
    let next = after;
    do {
      const page = await ask(userFind, {
        limit: Math.min(PAGE, limit - users.length),
        ...given({ prefix: beginning, after: next }),
      });
      users.push(...page.users);
      next = page.next;
    } while (next !== undefined && users.length < limit);
    const more = next === undefined ? '' : `\nThere are more. Go on with: --after ${next}\n`;
    const text = users.length === 0 ? 'No users.\n' : userTable(users) + more;
    return { json: { users, ...given({ next }) }, text };
  },
});
