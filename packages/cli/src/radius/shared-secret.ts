import { UsageError } from '../failure.ts';
import type { Session } from '../session.ts';
import { card } from '../terminal/table.ts';

/** What must stand in no file of settings. */
export const SECRET_IN_FILE = { keys: /"secret"\s*:/i, called: 'secret' } as const;

/**
 * From whoever sits there, unseen, or from standard input: everybody on the machine can read arguments, and they stay in the history of the
 * shell.
 * @throws UsageError
 */
export async function askForSharedSecret({ terminal, signal }: Session, commandName: string): Promise<string> {
  const text = terminal.interactive
    ? await terminal.secret('Shared secret, 16 to 128 characters: ', signal)
    : (await terminal.readInput()).replace(/\r?\n$/, '');
  if (text === undefined || text === '') throw new UsageError('There was no shared secret.', commandName);
  return text;
}

/** The one time that a secret is seen. */
export function newSecretText(secret: string | undefined): string {
  if (secret === undefined) return '';
  return `${card({ Secret: secret })}\nIt is shown this once. Type it into the product now.\n`;
}
