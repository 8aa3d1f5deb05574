import { ACCEPT_FORGEABLE, MfaError } from '@countersign/contracts';
import { CommandError, UsageError } from '../failure.ts';
import type { Session } from '../session.ts';
import { printable } from '../terminal/printable.ts';

type Confirmation = typeof ACCEPT_FORGEABLE;

export const ACCEPT_OPTION = {
  kind: 'text',
  value: 'sentence',
  description: 'The sentence that accepts settings by which answers can be forged; asked for where it is needed.',
} as const;

/**
 * Makes a change, and where the server wants settings confirmed by which anybody between can forge answers (RAD-33), has the sentence
 * typed. `--yes` does not do.
 * @throws CommandError NOT_CONFIRMED, UsageError, MfaError as `change` throws it.
 */
export async function withConfirmation<T>(
  session: Session,
  given: { accept: string | undefined; commandName: string },
  change: (confirmation: Confirmation | undefined) => Promise<T>,
): Promise<T> {
  const { accept, commandName } = given;
  if (accept !== undefined && accept !== ACCEPT_FORGEABLE)
    throw new UsageError(`--accept takes this sentence and no other: ${ACCEPT_FORGEABLE}`, commandName);
  try {
    return await change(accept);
  } catch (error) {
    const wanted = wantedConfirmation(error);
    if (wanted === undefined) throw error;
    await typeSentence(session, wanted);
    return change(ACCEPT_FORGEABLE);
  }
}

/** What the server says of it, where that is all that it refuses. */
function wantedConfirmation(error: unknown): string | undefined {
  if (!(error instanceof MfaError) || error.invalid?.length !== 1) return undefined;
  const [field] = error.invalid;
  return field?.pointer === '/confirmation' ? field.message : undefined;
}

async function typeSentence({ terminal, signal }: Session, why: string): Promise<void> {
  const typed = terminal.interactive ? await terminal.question(`${printable(why)}\n> `, signal) : undefined;
  if (typed?.trim() === ACCEPT_FORGEABLE) return;
  throw new CommandError(
    'NOT_CONFIRMED',
    'notConfirmed',
    `The sentence was not typed: ${why}`,
    'Set limitProxyState to true, or requireMessageAuthenticator to yes. Nothing was changed.',
  );
}
