import type { ParseArgsOptionsConfig } from 'node:util';
import { parseArgs } from 'node:util';
import { parseDuration } from './duration.ts';
import type { Session } from './session.ts';
import { UsageError } from './failure.ts';

/** What stands after a command without a name: `users show <user>`. Asked for in the order in which they are written. */
interface ArgumentDefinition {
  description: string;
  optional?: true;
}

type OptionKind = 'text' | 'texts' | 'flag' | 'integer' | 'seconds';

/** One `--name`. `integer` and `seconds` have bounds, both included; `seconds` are written like 90, 90s, 15m, 12h or 7d. */
export interface OptionDefinition {
  kind: OptionKind;
  description: string;
  /** What stands for the value in the help. */
  value?: string;
  short?: string;
  required?: true;
  minimum?: number;
  maximum?: number;
  /** For `text` and `texts`: the only values there are. */
  choices?: readonly string[];
}

interface KindValues {
  text: string;
  texts: string[];
  flag: boolean;
  integer: number;
  seconds: number;
}
type ValueOf<O extends OptionDefinition> = O extends { kind: 'flag' }
  ? boolean
  : O extends { required: true }
    ? KindValues[O['kind']]
    : KindValues[O['kind']] | undefined;

type Arguments = Readonly<Record<string, ArgumentDefinition>>;
type Options = Readonly<Record<string, OptionDefinition>>;

type ArgumentValues<A extends Arguments> = {
  [N in keyof A]: A[N] extends { optional: true } ? string | undefined : string;
};
type OptionValues<O extends Options> = { [N in keyof O]: ValueOf<O[N]> };

/** What a command answers: one JSON document, and the same for people. */
export interface Report {
  json: unknown;
  text: string;
  exitCode?: number;
}

/** One command: what it takes, how it is explained, and what it does. */
export interface CommandDefinition<A extends Arguments = Arguments, O extends Options = Options> {
  /** As it is typed: `users block`. */
  name: string;
  summary: string;
  /** More sentences for its own help. */
  details?: string;
  arguments: A;
  options: O;
  examples: readonly string[];
  /** Returns undefined when it has written everything itself, line by line. */
  run(session: Session, input: ArgumentValues<A> & OptionValues<O>): Promise<Report | undefined>;
}

/** Types a command by its own arguments and options, so that a list of them may hold different ones. */
export function command<const A extends Arguments, const O extends Options>(
  definition: CommandDefinition<A, O>,
): CommandDefinition {
  return definition;
}

/** Taken by every command. */
export const COMMON_OPTIONS = {
  json: { kind: 'flag', description: 'Answer with one JSON document (JSON lines where it goes on).' },
  yes: { kind: 'flag', short: 'y', description: 'Do not ask before something that cannot be undone.' },
  help: { kind: 'flag', short: 'h', description: 'Explain the command.' },
} as const satisfies Options;

/**
 * Reads what stands after the name of a command.
 * @throws UsageError that says what is wrong with which option.
 */
export function readInput(definition: CommandDefinition, words: readonly string[]): Record<string, unknown> {
  const { values, positionals } = parse(definition, words);
  const input: Record<string, unknown> = {};
  const names = Object.keys(definition.arguments);
  for (const [index, name] of names.entries()) {
    const value = positionals[index];
    if (value === undefined && definition.arguments[name]?.optional !== true) {
      throw new UsageError(`${definition.name} needs <${name}>.`, definition.name);
    }
    input[name] = value;
  }
  const extra = positionals[names.length];
  if (extra !== undefined) {
    throw new UsageError(
      `${definition.name} does not take ${JSON.stringify(extra)}. Put a value with spaces in quotes.`,
      definition.name,
    );
  }
  for (const [name, option] of Object.entries(definition.options)) {
    input[name] = optionValue(definition.name, name, option, values[name]);
  }
  return input;
}

function parse(definition: CommandDefinition, words: readonly string[]) {
  const options: ParseArgsOptionsConfig = {};
  for (const [name, option] of Object.entries({ ...COMMON_OPTIONS, ...definition.options } as Options)) {
    options[name] = {
      type: option.kind === 'flag' ? 'boolean' : 'string',
      multiple: option.kind === 'texts',
      ...(option.short !== undefined && { short: option.short }),
    };
  }
  try {
    return parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(firstSentence(error), definition.name);
  }
}

/** Node's sentences are good; what it adds about "--" puzzles people. */
function firstSentence(error: unknown): string {
  const [sentence = 'The options cannot be read.'] = (error instanceof Error ? error.message : '').split(
    /(?<=[.'])(?:\.? To specify|\n)/,
  );
  return sentence.endsWith('.') ? sentence : `${sentence}.`;
}

type Given = string | boolean | readonly (string | boolean)[] | undefined;

function optionValue(commandName: string, name: string, option: OptionDefinition, value: Given): unknown {
  if (option.kind === 'flag') return value === true;
  if (value === undefined) {
    if (option.required === true) {
      throw new UsageError(`${commandName} needs --${name}: ${option.description}`, commandName);
    }
    return undefined;
  }
  const texts = [value].flat().map(String);
  for (const text of texts) checkChoice(commandName, name, option, text);
  const [text = ''] = texts;
  const isNumber = option.kind === 'integer' || option.kind === 'seconds';
  if (isNumber) return numberValue(commandName, name, option, text);
  return option.kind === 'texts' ? texts : text;
}

function checkChoice(commandName: string, name: string, option: OptionDefinition, text: string): void {
  if (option.choices === undefined || option.choices.includes(text)) return;
  throw new UsageError(
    `--${name} is one of ${option.choices.join(', ')}, and not ${JSON.stringify(text)}.`,
    commandName,
  );
}

function numberValue(commandName: string, name: string, option: OptionDefinition, text: string): number {
  const value = option.kind === 'seconds' ? parseDuration(text) : /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = option;
  if (value !== undefined && value >= minimum && value <= maximum) return value;
  const form = option.kind === 'seconds' ? 'a time like 90s, 15m, 12h or 7d' : 'a whole number';
  const unit = option.kind === 'seconds' ? ' seconds' : '';
  throw new UsageError(
    `--${name} is ${form}, from ${minimum} to ${maximum}${unit}, and not ${JSON.stringify(text)}.`,
    commandName,
  );
}
