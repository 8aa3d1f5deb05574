import { auditFind, MfaError, type InputOf } from '@countersign/contracts';
import { setTimeout as delay } from 'node:timers/promises';
import { command } from '../command.ts';
import type { Connection } from '../connection.ts';
import { ERROR_OUTCOMES } from '../exit-codes.ts';
import { given } from '../given.ts';
import type { Session } from '../session.ts';
import { printableJson } from '../terminal/printable.ts';
import { resolveUser } from '../users/resolve.ts';
import { isUuid } from '../uuid.ts';
import { eventKey, eventLine, type AuditEvent } from './view.ts';

type Question = InputOf<typeof auditFind>;

const DEFAULT_LIMIT = 20;
const LONGEST_PAGE = 500;
const POLL_MS = 1000;
/** Events remembered, so that none is shown twice. Far more than come in between two questions. */
const REMEMBERED = 20_000;

export const auditTail = command({
  name: 'audit tail',
  summary: 'Show the newest events of the audit, oldest of them first.',
  arguments: {},
  options: {
    follow: {
      kind: 'flag',
      short: 'f',
      description: 'Go on with what happens, until Ctrl-C. With --json: JSON lines.',
    },
    user: { kind: 'text', value: 'name or id', description: 'Only events of this user; a deleted one by the id.' },
    type: { kind: 'text', description: 'Only events of this type, such as user.blocked.' },
    limit: {
      kind: 'integer',
      minimum: 1,
      maximum: 10_000,
      description: `How many to begin with; ${DEFAULT_LIMIT} unless given.`,
    },
  },
  examples: [
    'countersign audit tail',
    'countersign audit tail -f --user alice',
    'countersign audit tail --type user.blocked --limit 100 --json',
  ],
  async run(session, { follow, user, type, limit = DEFAULT_LIMIT }) {
    const connection = await session.connection();
    const userId = user === undefined ? undefined : await resolveUserId(connection, user);
    const question = given({ userId, type });
    const events = (await newest(connection, question, limit)).toReversed();
    if (!follow) {
      const lines = events.map((event) => `${eventLine(event)}\n`).join('');
      return { json: { events }, text: lines === '' ? 'No events.\n' : lines };
    }
    for (const event of events) print(session, event);
    await followFrom(session, connection, question, new Set(events.map(eventKey)), events.at(-1)?.at);
    return undefined;
  },
});

/** The audit outlives the user, so an id is taken as it is when nobody has it any more. */
async function resolveUserId(connection: Connection, nameOrId: string): Promise<string> {
  try {
    return (await resolveUser(connection, nameOrId)).userId;
  } catch (error) {
    if (error instanceof MfaError && error.code === 'USER_NOT_FOUND' && isUuid(nameOrId)) return nameOrId.toLowerCase();
    throw error;
  }
}

/** Newest first, as `audit.find` gives them. */
async function newest({ ask }: Connection, question: Question, limit: number): Promise<AuditEvent[]> {
  const events: AuditEvent[] = [];
  let after: string | undefined;
  do {
    const page = await ask(auditFind, {
      ...question,
      limit: Math.min(LONGEST_PAGE, limit - events.length),
      ...given({ after }),
    });
    events.push(...page.events);
    after = page.next;
  } while (after !== undefined && events.length < limit);
  return events;
}

/** Asks again and again. What the projection brings late, or out of order, is shown when it comes. */
async function followFrom(
  session: Session,
  connection: Connection,
  question: Question,
  seen: Set<string>,
  since: string | undefined,
): Promise<void> {
  const start = since ?? new Date(session.now()).toISOString();
  while (!session.signal.aborted) {
    await delay(POLL_MS, undefined, { signal: session.signal }).catch(() => undefined);
    if (session.signal.aborted) return;
    try {
      for (const event of await unseen(connection, question, seen, start)) {
        seen.add(eventKey(event));
        print(session, event);
      }
    } catch (error) {
      if (!(error instanceof MfaError) || ERROR_OUTCOMES[error.code].exit !== 'tryAgain') throw error;
      session.terminal.writeError(`${error.message} Trying again.\n`);
    }
    for (const key of seen) {
      if (seen.size <= REMEMBERED) break;
      seen.delete(key);
    }
  }
}

/** Oldest first. Goes back page by page until one holds nothing new. */
async function unseen(
  { ask }: Connection,
  question: Question,
  seen: ReadonlySet<string>,
  start: string,
): Promise<AuditEvent[]> {
  const fresh: AuditEvent[] = [];
  let after: string | undefined;
  do {
    const page = await ask(auditFind, { ...question, limit: 200, ...given({ after }) });
    const found = page.events.filter((event) => event.at >= start && !seen.has(eventKey(event)));
    fresh.push(...found);
    after = found.length === 0 ? undefined : page.next;
  } while (after !== undefined && fresh.length < REMEMBERED);
  return fresh.toReversed();
}

function print({ terminal, json }: Session, event: AuditEvent): void {
  terminal.write(`${json ? printableJson(event) : eventLine(event)}\n`);
}
