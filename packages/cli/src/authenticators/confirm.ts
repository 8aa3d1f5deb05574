import { authenticatorConfirm } from '@countersign/contracts';
import { command } from '../command.ts';
import { UsageError } from '../failure.ts';
import type { Session } from '../session.ts';
import { resolveUser, USER_ARGUMENT } from '../users/resolve.ts';
import { AUTHENTICATOR_ARGUMENT, resolveAuthenticator } from './resolve.ts';

export const authenticatorsConfirm = command({
  name: 'authenticators confirm',
  summary: 'Confirm a new authenticator with a code from it.',
  arguments: {
    user: USER_ARGUMENT,
    authenticator: AUTHENTICATOR_ARGUMENT,
    code: { description: 'The code. Without it you are asked, or it is read from standard input.', optional: true },
  },
  options: {},
  examples: ['countersign authenticators confirm alice totp', 'countersign authenticators confirm alice totp 492039'],
  async run(session, input) {
    const connection = await session.connection();
    const user = await resolveUser(connection, input.user);
    const { authenticatorId, type } = resolveAuthenticator(user, input.authenticator);
    const code = (input.code ?? (await askForCode(session))).replaceAll(/\s/g, '');
    const done = await connection.ask(authenticatorConfirm, { userId: user.userId, authenticatorId, code });
    return { json: done, text: `The ${type} authenticator ${authenticatorId} is active.\n` };
  },
});

async function askForCode({ terminal, signal }: Session): Promise<string> {
  const text = terminal.interactive ? await terminal.question('Code: ', signal) : await terminal.readInput();
  const code = text?.trim() ?? '';
  if (code === '') throw new UsageError('There was no code.', 'authenticators confirm');
  return code;
}
