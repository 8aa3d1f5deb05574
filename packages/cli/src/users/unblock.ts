import { userUnblock } from '@countersign/contracts';
import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { REASON_OPTION } from './reason.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersUnblock = command({
  name: 'users unblock',
  summary: 'Take a block away, for a reason.',
  arguments: { user: USER_ARGUMENT },
  options: { reason: REASON_OPTION },
  examples: ['countersign users unblock alice --reason "Phone found, ticket 4711"'],
  async run(session, { user: nameOrId, reason }) {
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, nameOrId);
    const done = await connection.ask(userUnblock, { userId, reason });
    return { json: done, text: `${printable(username)} is not blocked any more.\n` };
  },
});
