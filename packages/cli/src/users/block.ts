import { userBlock } from '@countersign/contracts';
import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { REASON_OPTION } from './reason.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersBlock = command({
  name: 'users block',
  summary: 'Refuse every login of a user from now on, for a reason.',
  details: 'It takes effect at once on every replica, and on challenges that are open.',
  arguments: { user: USER_ARGUMENT },
  options: { reason: REASON_OPTION },
  examples: ['countersign users block alice --reason "Phone reported stolen, ticket 4711"'],
  async run(session, { user: nameOrId, reason }) {
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, nameOrId);
    const done = await connection.ask(userBlock, { userId, reason });
    return { json: done, text: `${printable(username)} is blocked.\n` };
  },
});
