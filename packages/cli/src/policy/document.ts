import { CommandError } from '../failure.ts';
import { isObject } from './path.ts';

export interface WrittenDocument {
  document: Record<string, unknown>;
  /** When it is what `policy show --json` printed. */
  madeFrom?: { scope: string; version: number };
}

/**
 * Reads a document that a person wrote. Whether its values are allowed, the server says.
 * @throws CommandError when it is not a JSON object.
 */
export function parseDocument(text: string, name: string): WrittenDocument {
  const value = parsed(text, name);
  if (!isObject(value)) throw invalid(name, 'holds no JSON object');
  const { scope, version, document } = value;
  if (typeof scope !== 'string' || typeof version !== 'number') return { document: value };
  if (!isObject(document)) throw invalid(name, 'has a scope and a version, but no document');
  return { document, madeFrom: { scope, version } };
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(name, `is not JSON (${error instanceof Error ? error.message : 'unknown error'})`);
  }
}

function invalid(name: string, reason: string): CommandError {
  return new CommandError(
    'VALUE_INVALID',
    'rejected',
    `${name === '-' ? 'Standard input' : name} ${reason}.`,
    'Start from what this prints: countersign policy show --json',
  );
}
