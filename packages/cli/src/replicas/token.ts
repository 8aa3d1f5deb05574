import { readFileSync } from 'node:fs';
import { readToken, type JoinToken } from '@countersign/authority';
import { CommandError, UsageError } from '../failure.ts';
import type { Session } from '../session.ts';

/**
 * The token from its file, from standard input, or from whoever sits there. As an argument it is taken as well, though everybody on
 * the machine can read the arguments of a process while it runs.
 * @throws UsageError, CommandError
 */
export async function askForToken(
  { terminal, signal }: Pick<Session, 'terminal' | 'signal'>,
  given: { token: string | undefined; file: string | undefined },
): Promise<JoinToken> {
  if (given.token !== undefined && given.file !== undefined) {
    throw new UsageError('Give the token in a file or by itself, not both.', 'join');
  }
  if (given.token !== undefined) {
    terminal.writeError(
      'Everybody on this machine can read the arguments of a command: leave the token out next time, and paste it when you are asked.\n',
    );
  }
  const text =
    given.token ??
    (given.file === undefined
      ? terminal.interactive
        ? await terminal.question('Token (csj_…): ', signal)
        : await terminal.readInput()
      : readTokenFile(given.file));
  const token = readToken((text ?? '').trim());
  if (token !== undefined) return token;
  throw new UsageError('The token cannot be read: it was cut, or is none (csj_…). Copy the whole of it.', 'join');
}

function readTokenFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CommandError(
      'TOKEN_UNREADABLE',
      'settings',
      `${file} cannot be read.`,
      'Name the file that holds the token with --token-file, and run this as a user who may read it.',
      { cause },
    );
  }
}
