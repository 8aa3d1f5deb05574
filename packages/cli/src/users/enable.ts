import { userUpdate } from '@countersign/contracts';
import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersEnable = command({
  name: 'users enable',
  summary: 'Let a disabled user log in again.',
  arguments: { user: USER_ARGUMENT },
  options: {},
  examples: ['countersign users enable alice'],
  async run(session, { user: nameOrId }) {
    const connection = await session.connection();
    const { userId } = await resolveUser(connection, nameOrId);
    const user = await connection.ask(userUpdate, { userId, status: 'enabled' });
    return { json: user, text: `${printable(user.username)} is enabled.\n` };
  },
});
