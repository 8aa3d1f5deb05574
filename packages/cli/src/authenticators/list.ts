import { command } from '../command.ts';
import { resolveUser, USER_ARGUMENT } from '../users/resolve.ts';
import { authenticatorTable } from './view.ts';

export const authenticatorsList = command({
  name: 'authenticators list',
  summary: 'List the authenticators of a user.',
  arguments: { user: USER_ARGUMENT },
  options: {},
  examples: ['countersign authenticators list alice'],
  async run(session, { user: nameOrId }) {
    const { userId, authenticators } = await resolveUser(await session.connection(), nameOrId);
    const text = authenticators.length === 0 ? 'No authenticators.\n' : authenticatorTable(authenticators);
    return { json: { userId, authenticators }, text };
  },
});
