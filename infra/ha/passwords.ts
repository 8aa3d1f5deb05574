import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readJson, writePrivateJson } from '../dev/private-file.ts';

const DUTIES = ['superuser', 'replication', 'rewind', 'rest'] as const;

/** One role of Postgres for each of Patroni's duties, each with a password of its own; `rest` is that of Patroni's own API. */
export type HaPasswords = Record<(typeof DUTIES)[number], string>;

export function openPasswords(dir: string): HaPasswords {
  const file = join(dir, 'passwords.json');
  const known = (readJson(file) ?? {}) as Partial<HaPasswords>;
  const passwords = Object.fromEntries(
    DUTIES.map((duty) => [duty, known[duty] ?? randomBytes(24).toString('hex')]),
  ) as HaPasswords;
  writePrivateJson(file, passwords);
  return passwords;
}
