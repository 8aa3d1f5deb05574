import { isUtf8 } from 'node:buffer';
import { MfaError } from '@countersign/contracts';

/** Our documents are two levels deep; this is room to spare and keeps a walk from running out of stack. */
const MAX_DEPTH = 16;

/**
 * JSON as RFC 8259 has it, and nothing that two parsers could read in two ways: UTF-8 without a mark, no NUL, no half
 * surrogates, no member named twice, no `__proto__`.
 * @throws MfaError REQUEST_INVALID that says which of these it was and repeats nothing of the text.
 */
export function parseStrictJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw refuse('is not UTF-8');
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('is not JSON');
  }
  const { depth, members } = measure(text);
  if (depth > MAX_DEPTH) throw refuse('is nested too deeply');
  // JSON.parse keeps the last of two members with one name, so the value then has fewer than the text.
  if (countMembers(value) !== members) throw refuse('names a member twice');
  return value;
}

/** NUL and half surrogates: the database cannot keep them and no two systems agree on them. */
export function isCleanText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

/** Of a text that is known to be JSON: how deep it goes, and how many members its objects have in all. */
function measure(text: string): { depth: number; members: number } {
  let members = 0;
  let level = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) at = endOfString(text, at);
    else if (character === COLON) members += 1;
    else if (OPEN.has(character)) depth = Math.max(depth, ++level);
    else if (CLOSE.has(character)) level -= 1;
  }
  return { depth, members };
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let character = text.charCodeAt(at); character !== QUOTE; character = text.charCodeAt(at)) {
    at += character === BACKSLASH ? 2 : 1;
  }
  return at;
}

function countMembers(value: unknown): number {
  if (typeof value === 'string') checkText(value);
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const entry of value) members += countMembers(entry);
    return members;
  }
  for (const [name, entry] of Object.entries(value)) {
    if (name === '__proto__') throw refuse('has a member that is not allowed');
    checkText(name);
    members += 1 + countMembers(entry);
  }
  return members;
}

function checkText(text: string): void {
  if (!isCleanText(text)) throw refuse('holds NUL or half of a surrogate pair');
}

function refuse(message: string): MfaError {
  return new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '', message }] });
}
