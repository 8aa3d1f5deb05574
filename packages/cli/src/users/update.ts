import { userUpdate } from '@countersign/contracts';
import { command } from '../command.ts';
import { UsageError } from '../failure.ts';
import { given } from '../given.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';
import { userText } from './view.ts';

export const usersUpdate = command({
  name: 'users update',
  summary: 'Change names, aliases or the language of a user.',
  details: 'What is not named stays as it is.',
  arguments: { user: USER_ARGUMENT },
  options: {
    username: { kind: 'text', description: 'The new name.' },
    alias: { kind: 'texts', value: 'name', description: 'The aliases, all of them: the old ones go.' },
    'add-alias': { kind: 'texts', value: 'name', description: 'One more alias.' },
    'remove-alias': { kind: 'texts', value: 'name', description: 'An alias to take away, spelt as shown.' },
    'display-name': { kind: 'text', description: 'Name for people.' },
    language: { kind: 'text', value: 'tag', description: 'Language of messages, such as en or ru.' },
  },
  examples: [
    'countersign users update alice --display-name "Alice Berg"',
    'countersign users update alice --add-alias alice.berg@example.com --language ru',
  ],
  async run(session, input) {
    const changesAliases = input['add-alias'] !== undefined || input['remove-alias'] !== undefined;
    if (input.alias !== undefined && changesAliases) {
      throw new UsageError(
        '--alias sets all aliases, so it does not go with --add-alias or --remove-alias.',
        'users update',
      );
    }
    const changes = given({
      username: input.username,
      aliases: input.alias,
      displayName: input['display-name'],
      language: input.language,
    });
    if (Object.keys(changes).length === 0 && !changesAliases) {
      throw new UsageError('Nothing to change was given.', 'users update');
    }
    const connection = await session.connection();
    const { userId, aliases } = await resolveUser(connection, input.user);
    if (changesAliases) {
      const removed = new Set(input['remove-alias']);
      for (const alias of removed) {
        if (!aliases.includes(alias))
          throw new UsageError(`The user has no alias ${JSON.stringify(alias)}.`, 'users update');
      }
      changes.aliases = [
        ...new Set([...aliases.filter((alias) => !removed.has(alias)), ...(input['add-alias'] ?? [])]),
      ];
    }
    const user = await connection.ask(userUpdate, { userId, ...changes });
    return { json: user, text: userText(user) };
  },
});
