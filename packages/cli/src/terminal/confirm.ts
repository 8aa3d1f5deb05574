import { CommandError } from '../failure.ts';
import type { Session } from '../session.ts';
import { printable } from './printable.ts';

/**
 * Asks before something that cannot be undone; `--yes` answers beforehand.
 * @throws CommandError NOT_CONFIRMED when the answer is not yes, or nobody is there to be asked.
 */
export async function confirm(session: Session, ...lines: readonly string[]): Promise<void> {
  if (session.yes) return;
  const text = lines.map(printable).join('\n');
  if (!session.terminal.interactive) {
    throw new CommandError(
      'NOT_CONFIRMED',
      'notConfirmed',
      `This has to be confirmed, and nobody is there to be asked: ${text}`,
      'Repeat it with --yes if that is what you want. Nothing was changed.',
    );
  }
  const answer = await session.terminal.question(`${text}\nGo on? [y/N] `, session.signal);
  if (['y', 'yes'].includes(answer?.trim().toLowerCase() ?? '')) return;
  throw new CommandError('NOT_CONFIRMED', 'notConfirmed', 'Not confirmed. Nothing was changed.', 'Answer y to go on.');
}
