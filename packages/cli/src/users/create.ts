import { userCreate } from '@countersign/contracts';
import { command } from '../command.ts';
import { given } from '../given.ts';
import { userText } from './view.ts';

export const usersCreate = command({
  name: 'users create',
  summary: 'Create a user.',
  arguments: { username: { description: 'The name under which the user signs in.' } },
  options: {
    alias: { kind: 'texts', value: 'name', description: 'Another spelling that leads to this user.' },
    'display-name': { kind: 'text', description: 'Name for people.' },
    language: { kind: 'text', value: 'tag', description: 'Language of messages, such as en or ru.' },
  },
  examples: [
    'countersign users create alice',
    "countersign users create alice --alias alice@example.com --alias 'EXAMPLE\\alice' --display-name 'Alice Berg' --language en",
  ],
  async run(session, input) {
    const { ask } = await session.connection();
    const user = await ask(userCreate, {
      username: input.username,
      ...given({ aliases: input.alias, displayName: input['display-name'], language: input.language }),
    });
    return { json: user, text: userText(user) };
  },
});
