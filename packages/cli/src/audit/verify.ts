import { readFileSync } from 'node:fs';
import { command } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { CommandError, UsageError } from '../failure.ts';
import { given } from '../given.ts';
import { isObject } from '../policy/path.ts';
import type { Session } from '../session.ts';
import { printable } from '../terminal/printable.ts';
import { EVENT_REFUSALS, examineEvent, type EventRefusal } from './evidence.ts';

const NAME = 'audit verify';

export const auditVerify = command({
  name: NAME,
  summary: 'Check what phones signed in events that were printed before; works offline.',
  details:
    'Takes what audit tail --json or audit tail -f --json printed. The exit code is 1 when an event does not stand. With --json also ' +
    'the keys that signed, for each device: compare them with the events that activated it. See docs/operations/phones.md.',
  arguments: { file: { description: 'A file of events, or - for standard input.' } },
  options: {},
  examples: ['countersign audit verify events.json', 'countersign audit verify events.jsonl --json'],
  async run(session, { file }) {
    const events = eventsOf(await readText(session, file));
    if (events.length === 0) throw holdsNothing(file);
    const found = { verified: 0, refused: 0, withoutEvidence: 0 };
    const refusals: Refusal[] = [];
    const keys = new Map<string, SigningKey>();
    for (const { place, event } of events) {
      const examined = await examineEvent(event);
      found[examined.outcome] += 1;
      if (examined.outcome === 'refused') refusals.push({ place, ...nameOf(event), reason: examined.reason });
      if (examined.outcome === 'verified') count(keys, examined);
    }
    return {
      json: { ...found, refusals, keys: [...keys.values()] },
      text:
        refusals.map(refusalLine).join('') +
        `${found.verified} verified, ${found.refused} refused, ${found.withoutEvidence} without evidence\n`,
      exitCode: found.refused === 0 ? EXIT.ok.code : EXIT.checkFailed.code,
    };
  },
});

interface Refusal {
  /** Where in the file: `line 3`. */
  place: string;
  at?: string;
  type?: string;
  challengeId?: string;
  reason: EventRefusal;
}

interface SigningKey {
  deviceId: string;
  keyThumbprint: string;
  /** Of the passkey that confirmed as well. */
  passkeyThumbprint?: string;
  /** How many events. */
  verified: number;
}

/** One document, as audit tail prints it, or a document on each line, as it does when it follows. */
function eventsOf(text: string): { place: string; event: unknown }[] {
  const document = parsed(text);
  if (isObject(document) && Array.isArray(document['events'])) {
    return document['events'].map((event: unknown, index) => ({ place: `event ${index + 1}`, event }));
  }
  return text
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [{ place: `line ${index + 1}`, event: parsed(line) }]));
}

/** Undefined when it is no JSON: such a line is no event, and is not passed over. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function nameOf(event: unknown): Pick<Refusal, 'at' | 'type' | 'challengeId'> {
  const { at, type, challengeId } = isObject(event) ? event : {};
  return given({ at: textOf(at), type: textOf(type), challengeId: textOf(challengeId) });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function refusalLine({ place, at, type, challengeId, reason }: Refusal): string {
  const named = [place, at, type, challengeId].filter((part) => part !== undefined).map(printable);
  return `${named.join('  ')}  ${reason}: ${EVENT_REFUSALS[reason]}\n`;
}

function count(
  keys: Map<string, SigningKey>,
  { deviceId, keyThumbprint, passkeyThumbprint }: Omit<SigningKey, 'verified'>,
): void {
  const name = `${deviceId} ${keyThumbprint} ${passkeyThumbprint ?? ''}`;
  const verified = (keys.get(name)?.verified ?? 0) + 1;
  keys.set(name, { deviceId, keyThumbprint, ...given({ passkeyThumbprint }), verified });
}

function readText({ terminal }: Session, file: string): Promise<string> | string {
  if (file === '-') return terminal.readInput();
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UsageError(`${JSON.stringify(file)} cannot be read (${code ?? 'unknown error'}).`, NAME);
  }
}

function holdsNothing(file: string): CommandError {
  return new CommandError(
    'VALUE_INVALID',
    'rejected',
    `${file === '-' ? 'Standard input' : file} holds no event.`,
    'Make it with: countersign audit tail --limit 10000 --json',
  );
}
