import { SettingsError } from '@countersign/config';
import { MfaError } from '@countersign/contracts';
import { ERROR_OUTCOMES, EXIT, type ExitName } from './exit-codes.ts';
import { formatDuration } from './duration.ts';

/** An end that is no answer of an operation: a sentence, what to do about it, and a word to branch on. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
  readonly code: string;
  readonly advice: string;
  readonly exit: ExitName;

  constructor(code: string, exit: ExitName, message: string, advice: string, options?: { cause: unknown }) {
    super(message, options);
    this.code = code;
    this.advice = advice;
    this.exit = exit;
  }
}

/** The command cannot be understood as it was typed. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError';

  constructor(message: string, commandName?: string) {
    const help = commandName === undefined ? 'countersign help' : `countersign help ${commandName}`;
    super('USAGE', 'usage', message, `See: ${help}`);
  }
}

/** What is printed on standard error, as it is or as JSON. */
export interface Failure {
  code: string;
  message: string;
  advice: string;
  exitCode: number;
  retryAfterSeconds?: number;
  /** Names the attempt in the logs of app-server. */
  attemptId?: string;
}

/** Whatever ended a command, in a sentence and what to do. Nothing of an unknown error's inside is shown: it may hold a secret. */
export function failureFrom(error: unknown, attemptId?: string): Failure {
  const failure = describe(error, attemptId);
  // Somebody may have typed a key where it does not belong.
  return {
    ...failure,
    message: failure.message.replaceAll(
      /csk_[A-Za-z0-9]+_[A-Za-z0-9_-]+|csj_[A-Za-z0-9_-]+/g,
      (key) => `${key.slice(0, 4)}…`,
    ),
  };
}

function describe(error: unknown, attemptId: string | undefined): Failure {
  if (error instanceof CommandError) return describeCommandError(error);
  if (error instanceof SettingsError) {
    return {
      code: 'SETTINGS_INVALID',
      message: error.problems.join('\n'),
      advice: 'See the settings in docs/command-line.md.',
      exitCode: EXIT.settings.code,
    };
  }
  if (error instanceof MfaError) return { ...describeMfaError(error), ...(attemptId !== undefined && { attemptId }) };
  return {
    code: 'INTERNAL',
    message: `Something went wrong in the command line itself (${error instanceof Error ? error.name : typeof error}).`,
    advice: 'Set COUNTERSIGN_DEBUG=1, repeat the command and report what it prints.',
    exitCode: EXIT.internal.code,
  };
}

function describeCommandError(error: CommandError): Failure {
  return { code: error.code, message: error.message, advice: error.advice, exitCode: EXIT[error.exit].code };
}

function describeMfaError(error: MfaError): Failure {
  const { exit, advice } = ERROR_OUTCOMES[error.code];
  const fields = (error.invalid ?? []).map(
    ({ pointer, message }) => `${pointer === '' ? 'The input' : pointer} ${message}.`,
  );
  const { retryAfterSeconds } = error;
  return {
    code: error.code,
    message: [error.message, ...(error.detail === undefined ? [] : [error.detail]), ...fields].join(' '),
    advice: retryAfterSeconds === undefined ? advice : `${advice} (Wait ${formatDuration(retryAfterSeconds)}.)`,
    exitCode: EXIT[exit].code,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
}
