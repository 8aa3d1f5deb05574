import { pinRemove } from '@countersign/contracts';
import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { REASON_OPTION } from './reason.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersRemovePin = command({
  name: 'users remove-pin',
  summary: 'Take the PIN of a user away, for a reason.',
  details: 'Where the policy asks for one, the user sets another at the portal before anything else lets them in.',
  arguments: { user: USER_ARGUMENT },
  options: { reason: REASON_OPTION },
  examples: ['countersign users remove-pin alice --reason "Forgot it, called back on the desk line"'],
  async run(session, { user: nameOrId, reason }) {
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, nameOrId);
    const done = await connection.ask(pinRemove, { userId, reason });
    return { json: done, text: `${printable(username)} has no PIN any more.\n` };
  },
});
