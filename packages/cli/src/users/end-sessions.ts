import { sessionEnd } from '@countersign/contracts';
import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { REASON_OPTION } from './reason.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersEndSessions = command({
  name: 'users end-sessions',
  summary: 'Sign a user out of the portal everywhere, at once, for a reason.',
  details: 'The user may sign in again; to keep somebody out: countersign users block.',
  arguments: { user: USER_ARGUMENT },
  options: { reason: REASON_OPTION },
  examples: ['countersign users end-sessions alice --reason "Laptop reported stolen, ticket 4711"'],
  async run(session, { user: nameOrId, reason }) {
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, nameOrId);
    const done = await connection.ask(sessionEnd, { userId, reason });
    return { json: done, text: `${printable(username)} is signed out everywhere (sessions ended: ${done.ended}).\n` };
  },
});
