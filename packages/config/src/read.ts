import { readFileSync } from 'node:fs';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import {
  expectation,
  mayComeFromFile,
  shapeOf,
  type Settings,
  type SettingShape,
  type SettingsOf,
} from './settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Every setting that is missing or wrong, in one go, so that an installation is mended in one go. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The settings are not usable:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * Reads the settings out of the environment, once, at the start of a process. An empty variable counts as not set.
 * @throws SettingsError naming each variable and what to do about it; a secret's value is never repeated.
 */
export function readEnvironment<S extends Settings>(schema: S, environment: Environment): SettingsOf<S> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const outcome = readSetting(name, property, environment);
    if ('problem' in outcome) problems.push(outcome.problem);
    else if (outcome.value === undefined && isRequired(schema, name))
      problems.push(describeMissing(name, shapeOf(property)));
    else if (outcome.value !== undefined) values[name] = outcome.value;
  }
  if (problems.length > 0) throw new SettingsError(problems.toSorted());
  return values as SettingsOf<S>;
}

function isRequired(schema: Settings, name: string): boolean {
  const required: readonly string[] = schema.required ?? [];
  return required.includes(name);
}

/** Variables with our prefix that no setting has: most often a spelling mistake that would go unnoticed. */
export function unknownSettings(schema: Settings, environment: Environment, prefix: string): string[] {
  const known = new Set(
    Object.entries(schema.properties).flatMap(([name, property]) =>
      mayComeFromFile(shapeOf(property)) ? [name, `${name}_FILE`] : [name],
    ),
  );
  return Object.keys(environment).filter((name) => name.startsWith(prefix) && !known.has(name));
}

type Outcome = { value: unknown } | { problem: string };

function readSetting(name: string, schema: TSchema, environment: Environment): Outcome {
  const shape = shapeOf(schema);
  const text = textOf(name, shape, environment);
  if ('problem' in text) return text;
  if (text.value === undefined) return { value: shape.default };
  const value = parse(text.value, shape);
  if (value !== undefined && Compile(schema).Check(value)) return { value };
  const shown = shape.secret === true ? '' : `, and not ${JSON.stringify(text.value.slice(0, 80))}`;
  const reason = failedRule(schema, value);
  return { problem: `${name} must be ${expectation(shape)}${reason}${shown}. ${shape.description ?? ''}`.trim() };
}

function textOf(
  name: string,
  shape: SettingShape,
  environment: Environment,
): { value: string | undefined } | { problem: string } {
  const direct = environment[name];
  const file = mayComeFromFile(shape) ? environment[`${name}_FILE`] : undefined;
  const isSet = direct !== undefined && direct !== '';
  if (file === undefined || file === '') return { value: isSet ? direct : undefined };
  if (isSet) return { problem: `${name} and ${name}_FILE are both set. Keep one of them.` };
  try {
    return { value: readFileSync(file, 'utf8').replace(/\r?\n$/, '') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { problem: `${name}_FILE names ${file}, which cannot be read (${code ?? 'unknown error'}).` };
  }
}

function parse(text: string, shape: SettingShape): unknown {
  if (shape.type === 'integer' || shape.type === 'number') {
    return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;
  }
  if (shape.type === 'boolean') return { true: true, false: false }[text.trim()];
  if (shape.type === 'array') {
    const parts = text.split(',').map((part) => part.trim());
    return parts.filter((part) => part !== '').map((part) => parse(part, shape.items ?? {}));
  }
  return text;
}

/** The rule beyond the type that the value breaks, for texts and lists, whose expectation is not told by the type. */
function failedRule(schema: TSchema, value: unknown): string {
  const { type } = shapeOf(schema);
  if (value === undefined || (type !== 'string' && type !== 'array')) return '';
  const message = Compile(schema).Errors(value)[0]?.message;
  return message === undefined ? '' : ` that ${message}`;
}

function describeMissing(name: string, shape: SettingShape): string {
  const file = mayComeFromFile(shape) ? `, or ${name}_FILE to the path of a file that holds it` : '';
  return `${name} is not set. Set it to ${expectation(shape)}${file}. ${shape.description ?? ''}`.trim();
}
