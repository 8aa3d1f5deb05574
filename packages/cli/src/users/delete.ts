import { userDelete } from '@countersign/contracts';
import { command } from '../command.ts';
import { confirm } from '../terminal/confirm.ts';
import { printable } from '../terminal/printable.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersDelete = command({
  name: 'users delete',
  summary: 'Delete a user with all authenticators. The audit stays.',
  arguments: { user: USER_ARGUMENT },
  options: {},
  examples: ['countersign users delete alice', 'countersign users delete alice --yes --json'],
  async run(session, { user: nameOrId }) {
    const connection = await session.connection();
    const { userId, username, authenticators } = await resolveUser(connection, nameOrId);
    const lost = authenticators.length === 0 ? '' : ` and ${authenticators.length} authenticator(s)`;
    await confirm(session, `This deletes the user ${username} (${userId})${lost}. It cannot be undone.`);
    const done = await connection.ask(userDelete, { userId });
    return { json: done, text: `${printable(username)} is deleted.\n` };
  },
});
