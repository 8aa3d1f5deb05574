import { DEFAULT_POLICY, type Policy, type PolicyDocument } from '@countersign/contracts';

/** A stored document with where it comes from, for example `global v3`. */
export interface StoredPolicy {
  origin: string;
  document: PolicyDocument;
}

/** One value of the policy in force and the scope that set it. */
export interface ExplainedValue {
  path: string;
  value: unknown;
  origin: string;
}

/**
 * The policy in force: the defaults, then each document over what came before, value by value. A list or a text is replaced as a
 * whole; `texts` are joined by language.
 * @param layers widest scope first.
 */
export function effectivePolicy(layers: readonly StoredPolicy[]): Policy {
  return layers.reduce<Policy>((policy, { document }) => overlay(policy, document) as Policy, DEFAULT_POLICY);
}

/** Every value in force with its origin, in the order of the document. */
export function explainPolicy(layers: readonly StoredPolicy[]): ExplainedValue[] {
  return leaves(effectivePolicy(layers), []).map(({ path, value }) => ({
    path: path.join('.'),
    value,
    origin: layers.findLast(({ document }) => has(document, path))?.origin ?? 'default',
  }));
}

function overlay(under: unknown, over: unknown): unknown {
  if (!isSection(under) || !isSection(over)) return over;
  const merged: Record<string, unknown> = { ...under };
  for (const [name, value] of Object.entries(over)) merged[name] = name in under ? overlay(under[name], value) : value;
  return merged;
}

function leaves(value: unknown, path: readonly string[]): { path: readonly string[]; value: unknown }[] {
  if (!isSection(value)) return [{ path, value }];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, [...path, name]));
}

function has(document: unknown, path: readonly string[]): boolean {
  let here: unknown = document;
  for (const name of path) {
    if (!isSection(here) || !Object.hasOwn(here, name)) return false;
    here = here[name];
  }
  return true;
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
