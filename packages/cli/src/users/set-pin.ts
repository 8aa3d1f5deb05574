import { pinSet } from '@countersign/contracts';
import { command } from '../command.ts';
import { UsageError } from '../failure.ts';
import { given } from '../given.ts';
import type { Session } from '../session.ts';
import { printable } from '../terminal/printable.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

const NAME = 'users set-pin';

export const usersSetPin = command({
  name: NAME,
  summary: 'Give a user a PIN, to be changed at first use; shows the one that it makes, this once.',
  details:
    'For policies that ask for a PIN beside a code (pin.methods). The user signs in to the portal with it and sets another one. ' +
    'Make sure who asks.',
  arguments: { user: USER_ARGUMENT },
  options: {
    pin: { kind: 'flag', description: 'Ask for the PIN, or read it from standard input, in place of making one.' },
  },
  examples: ['countersign users set-pin alice', 'countersign users set-pin alice --pin < pin'],
  async run(session, input) {
    const pin = input.pin ? await askForPin(session) : undefined;
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, input.user);
    const done = await connection.ask(pinSet, { userId, ...given({ pin }) });
    const name = printable(username);
    return {
      json: done,
      text:
        done.pin === undefined
          ? `${name} has this PIN, and changes it at the portal.\n`
          : `PIN of ${name}, to be changed at the portal:\n\n  ${done.pin}\n\nNothing shows it again.\n`,
    };
  },
});

/** Never an argument: everybody on the machine can read those (R24). @throws UsageError */
async function askForPin({ terminal, signal }: Session): Promise<string> {
  const text = terminal.interactive
    ? await terminal.secret('PIN: ', signal)
    : (await terminal.readInput()).replace(/\r?\n$/, '');
  if (text === undefined || !/^[0-9]{4,16}$/.test(text)) throw new UsageError('A PIN has 4 to 16 digits.', NAME);
  return text;
}
