import { command } from '../command.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';
import { userText } from './view.ts';

export const usersShow = command({
  name: 'users show',
  summary: 'Show a user and the authenticators.',
  arguments: { user: USER_ARGUMENT },
  options: {},
  examples: ['countersign users show alice', "countersign users show 'EXAMPLE\\alice' --json"],
  async run(session, { user: nameOrId }) {
    const user = await resolveUser(await session.connection(), nameOrId);
    return { json: user, text: userText(user) };
  },
});
