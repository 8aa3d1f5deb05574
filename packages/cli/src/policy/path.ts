import { PolicySchema } from '@countersign/contracts';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { CommandError } from '../failure.ts';

type JsonObject = Record<string, unknown>;

/** What is looked at in a schema; it is JSON Schema, so it is looked at as data. */
interface Shape {
  type?: string;
  properties?: Record<string, Shape>;
  patternProperties?: Record<string, Shape>;
  description?: string;
}

/** Every path of the policy that holds one value, as the schema has it: `code.digits`, `texts.<language>.sms`. */
export function policyPaths(): string[] {
  return pathsBelow(PolicySchema as Shape, []);
}

function pathsBelow(shape: Shape, path: readonly string[]): string[] {
  if (shape.properties !== undefined) {
    return Object.entries(shape.properties).flatMap(([name, inner]) => pathsBelow(inner, [...path, name]));
  }
  if (shape.patternProperties !== undefined) {
    return Object.values(shape.patternProperties).flatMap((inner) => pathsBelow(inner, [...path, '<language>']));
  }
  return [path.join('.')];
}

/**
 * Reads a value as it was typed for a path: JSON, a plain text, or a comma-separated list, whichever the path takes.
 * @throws CommandError that says what the path takes.
 */
export function readValue(path: string, text: string): unknown {
  const schema = leafAt(path);
  const list = text === '' ? [] : text.split(',').map((part) => part.trim());
  for (const candidate of [parsedJson(text), text, list]) {
    if (candidate !== undefined && Value.Check(schema, candidate)) return candidate;
  }
  // Of the ways to read it, the one of the right type says best what is wrong.
  const { type } = schema as Shape;
  const likely = type === 'array' ? list : (parsedJson(text) ?? text);
  const message = Value.Errors(schema, likely)[0]?.message ?? 'is not of the right form';
  throw new CommandError(
    'VALUE_INVALID',
    'rejected',
    `${path} ${message}; ${JSON.stringify(text)} does not fit.`,
    `See what is in force with: countersign policy explain`,
  );
}

/** A new document with the value at the path. */
export function withValue(document: JsonObject, path: string, value: unknown): JsonObject {
  leafAt(path);
  return put(document, path.split('.'), value);
}

/** A new document without the path; a section that is empty then goes too. */
export function withoutValue(document: JsonObject, path: string): JsonObject {
  leafAt(path);
  return put(document, path.split('.'), undefined);
}

function put(document: JsonObject, [name = '', ...rest]: readonly string[], value: unknown): JsonObject {
  const { [name]: before, ...others } = document;
  const after = rest.length === 0 ? value : put(isObject(before) ? before : {}, rest, value);
  const isNothing = after === undefined || (isObject(after) && Object.keys(after).length === 0);
  if (isNothing) return others;
  // In place, so that the order in which people wrote it stays.
  return { ...document, [name]: after };
}

/** Paths and values of a stored document, in its order. */
export function flatten(document: unknown, path: readonly string[] = []): { path: string; value: unknown }[] {
  if (!isObject(document)) return [{ path: path.join('.'), value: document }];
  return Object.entries(document).flatMap(([name, inner]) => flatten(inner, [...path, name]));
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function leafAt(path: string): TSchema {
  let shape: Shape | undefined = PolicySchema as Shape;
  for (const name of path.split('.')) shape = stepInto(shape, name);
  if (shape !== undefined && shape.properties === undefined && shape.patternProperties === undefined) {
    return shape;
  }
  const [section = ''] = path.split('.');
  const near = policyPaths().filter((known) => known.startsWith(`${section}.`));
  throw new CommandError(
    'PATH_UNKNOWN',
    'usage',
    `The policy has no value ${JSON.stringify(path)}.`,
    `There are: ${(near.length > 0 ? near : policyPaths()).join(', ')}`,
  );
}

function stepInto(shape: Shape | undefined, name: string): Shape | undefined {
  if (shape?.properties !== undefined)
    return Object.hasOwn(shape.properties, name) ? shape.properties[name] : undefined;
  const [entry] = Object.entries(shape?.patternProperties ?? {});
  return entry !== undefined && new RegExp(entry[0]).test(name) ? entry[1] : undefined;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
