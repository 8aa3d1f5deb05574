import { readInput, type Report } from './command.ts';
import { COMMANDS } from './commands.ts';
import type { Connection } from './connection.ts';
import { CommandError, failureFrom, type Failure } from './failure.ts';
import { findCommand } from './find-command.ts';
import { explanation } from './help-command.ts';
import type { Session } from './session.ts';
import type { CliSettings } from './settings.ts';
import { printable, printableJson } from './terminal/printable.ts';
import type { Terminal } from './terminal/terminal.ts';

export interface RunDependencies {
  terminal: Terminal;
  /** @throws SettingsError or CommandError */
  settings: () => CliSettings;
  connect: (settings: CliSettings) => Promise<Connection>;
  /** ms since the epoch. */
  now: () => number;
  signal: AbortSignal;
}

/** One run of the command line. @returns the exit code. */
export async function run(words: readonly string[], deps: RunDependencies): Promise<number> {
  const { terminal } = deps;
  const json = words.includes('--json');
  let connecting: Promise<Connection> | undefined;
  let settings: CliSettings | undefined;
  const readSettings = () => (settings ??= deps.settings());
  const session: Session = {
    connection: () => (connecting ??= (async () => deps.connect(readSettings()))()),
    terminal,
    settingsSource: () => readSettings().source,
    patroni: () => readSettings().patroni,
    json,
    yes: words.includes('--yes') || words.includes('-y'),
    now: deps.now,
    signal: deps.signal,
  };
  try {
    const report = await execute(words, session);
    if (report !== undefined) terminal.write(json ? `${printableJson(report.json, 2)}\n` : report.text);
    return report?.exitCode ?? 0;
  } catch (error) {
    const connection = await connecting?.catch(() => undefined);
    const failure = failureFrom(interruption(error, deps.signal), connection?.lastAttemptId());
    terminal.writeError(json ? `${printableJson({ error: failure }, 2)}\n` : failureText(failure));
    return failure.exitCode;
  } finally {
    const connection = await connecting?.catch(() => undefined);
    await connection?.close().catch(() => undefined);
  }
}

function execute(words: readonly string[], session: Session): Promise<Report | undefined> {
  const named = words.length === 0 || isBareFlag(words, ['--help', '-h']) ? ['help'] : words;
  const { definition, rest } = findCommand(COMMANDS, isBareFlag(named, ['--version']) ? ['version'] : named);
  const asksForHelp = rest.some((word) => word === '--help' || word === '-h');
  if (asksForHelp) return Promise.resolve(explanation(definition));
  return definition.run(session, readInput(definition, rest) as never);
}

function isBareFlag(words: readonly string[], flags: readonly string[]): boolean {
  return words.length === 1 && flags.includes(words[0] ?? '');
}

/** Ctrl-C shows itself as whatever it broke off. */
function interruption(error: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted) return error;
  return new CommandError(
    'INTERRUPTED',
    'interrupted',
    'Interrupted.',
    'Look whether it was done before you repeat it.',
  );
}

function failureText({ code, message, advice, attemptId }: Failure): string {
  const attempt = attemptId === undefined ? '' : `, attempt ${attemptId}`;
  return `${message.split('\n').map(printable).join('\n')}\n${printable(advice)}\n(${code}${attempt})\n`;
}
