import type { AdminWrite, Begun, Exchange, Login, Mark, Replay } from '../history.ts';

/** What callers saw of one fault. */
export interface Seen {
  begun: readonly Begun[];
  exchanges: readonly Exchange[];
  logins: readonly Login[];
  replays: readonly Replay[];
  writes: readonly AdminWrite[];
  marks: readonly Mark[];
  /** Lines that say nothing. */
  unreadable: number;
}

/** @param text one JSON object a line, each with what kind of record it is. */
export function readHistory(text: string): Seen {
  const seen = {
    begun: [] as Begun[],
    exchanges: [] as Exchange[],
    logins: [] as Login[],
    replays: [] as Replay[],
    writes: [] as AdminWrite[],
    marks: [] as Mark[],
    unreadable: 0,
  };
  const kinds = new Map<unknown, unknown[]>([
    ['begun', seen.begun],
    ['exchange', seen.exchanges],
    ['login', seen.logins],
    ['replay', seen.replays],
    ['write', seen.writes],
    ['mark', seen.marks],
  ]);
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const { record, ...content } = parsed(line);
    const list = kinds.get(record);
    if (list === undefined) seen.unreadable++;
    else list.push(content);
  }
  return seen;
}

function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}
