import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** One message that would have left the house. */
export interface Message {
  id: string;
  channel: string;
  to: string;
  text: string;
  /** ISO 8601, UTC. */
  at: string;
  /** The sender's own name for it. */
  reference?: string;
}

export interface Messages {
  add(message: Message): void;
  /** Newest first. */
  find(query: { to?: string; limit: number }): Message[];
  /** Calls `hear` for each message from now on, until the function returned is called. */
  follow(hear: (message: Message) => void): () => void;
}

/**
 * The newest messages, in memory. With a file they survive a restart of the inbox.
 * @param capacity how many are kept; the oldest go first.
 */
export function keepMessages({ capacity, file }: { capacity: number; file?: string }): Messages {
  const kept: Message[] = file === undefined ? [] : load(file, capacity);
  const followers = new Set<(message: Message) => void>();
  let written = kept.length;

  function save(message: Message): void {
    if (file === undefined) return;
    written += 1;
    if (written > 2 * capacity) {
      writeAll(file, kept);
      written = kept.length;
    } else appendFileSync(file, `${JSON.stringify(message)}\n`, { mode: 0o600 });
  }

  return {
    add: (message) => {
      kept.push(message);
      if (kept.length > capacity) kept.shift();
      save(message);
      for (const hear of followers) hear(message);
    },
    find: ({ to, limit }) => {
      const wanted = to === undefined ? undefined : addressOf(to);
      const found: Message[] = [];
      for (let index = kept.length - 1; index >= 0 && found.length < limit; index--) {
        const message = kept[index];
        if (message !== undefined && (wanted === undefined || addressOf(message.to) === wanted)) found.push(message);
      }
      return found;
    },
    follow: (hear) => {
      followers.add(hear);
      return () => void followers.delete(hear);
    },
  };
}

/**
 * The form in which addresses are compared. In a query `+` is a blank, and people write blanks, dashes and parentheses, so for
 * phone numbers only the digits count.
 */
export function addressOf(text: string): string {
  const trimmed = text.trim();
  return /^[+0-9][0-9 ().-]*$/.test(trimmed) ? `+${trimmed.replaceAll(/\D/g, '')}` : trimmed.toLowerCase();
}

function load(file: string, capacity: number): Message[] {
  if (!existsSync(file)) return [];
  const messages = readFileSync(file, 'utf8').split('\n').flatMap(parse).slice(-capacity);
  writeAll(file, messages);
  return messages;
}

/** A line that was cut off by a kill is left out. */
function parse(line: string): Message[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as Message];
  } catch {
    return [];
  }
}

function writeAll(file: string, messages: readonly Message[]): void {
  writeFileSync(`${file}.new`, messages.map((message) => `${JSON.stringify(message)}\n`).join(''), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
