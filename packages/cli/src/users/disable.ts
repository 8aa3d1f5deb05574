import { userUpdate } from '@countersign/contracts';
import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersDisable = command({
  name: 'users disable',
  summary: 'Refuse every login of a user from now on, open ones too.',
  details: 'The user and the authenticators stay. For a stolen phone, use users block: it keeps the reason.',
  arguments: { user: USER_ARGUMENT },
  options: {},
  examples: ['countersign users disable alice'],
  async run(session, { user: nameOrId }) {
    const connection = await session.connection();
    const { userId } = await resolveUser(connection, nameOrId);
    const user = await connection.ask(userUpdate, { userId, status: 'disabled' });
    return { json: user, text: `${printable(user.username)} is disabled.\n` };
  },
});
