import { authenticatorRemove } from '@countersign/contracts';
import { command } from '../command.ts';
import { confirm } from '../terminal/confirm.ts';
import { printable } from '../terminal/printable.ts';
import { resolveUser, USER_ARGUMENT } from '../users/resolve.ts';
import { AUTHENTICATOR_ARGUMENT, resolveAuthenticator } from './resolve.ts';

export const authenticatorsRemove = command({
  name: 'authenticators remove',
  summary: 'Take an authenticator away from a user, at once.',
  arguments: { user: USER_ARGUMENT, authenticator: AUTHENTICATOR_ARGUMENT },
  options: {},
  examples: ['countersign authenticators remove alice phone', 'countersign authenticators remove alice 8d0b2f4e --yes'],
  async run(session, input) {
    const connection = await session.connection();
    const user = await resolveUser(connection, input.user);
    const { authenticatorId, type, label, state } = resolveAuthenticator(user, input.authenticator);
    const others = user.authenticators.filter(
      (other) => other.state === 'active' && other.authenticatorId !== authenticatorId,
    );
    const last =
      state === 'active' && others.length === 0 ? ' It is the last one: nothing is left to log in with.' : '';
    const named = label === '' ? type : `${type} "${label}"`;
    await confirm(session, `This removes ${named} (${authenticatorId}) from ${user.username}.${last}`);
    const done = await connection.ask(authenticatorRemove, { userId: user.userId, authenticatorId });
    return { json: done, text: `The ${type} authenticator of ${printable(user.username)} is removed.\n` };
  },
});
