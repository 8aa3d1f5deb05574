import { UsageError } from '../failure.ts';
import type { Session } from '../session.ts';

/**
 * From whoever sits there, unseen, or from standard input: everybody on the machine can read arguments, and they stay in the history of the
 * shell.
 * @throws UsageError
 */
export async function askForBindPassword({ terminal, signal }: Session, commandName: string): Promise<string> {
  const text = terminal.interactive
    ? await terminal.secret('Password of the service account: ', signal)
    : (await terminal.readInput()).replace(/\r?\n$/, '');
  if (text === undefined || text === '')
    throw new UsageError('There was no password of the service account.', commandName);
  return text;
}
