import { jetstream, jetstreamManager, DeliverPolicy } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';

/** A message of the ledger as it lies in the stream. */
export interface LedgerMessage {
  stream: string;
  sequence: number;
  subject: string;
  attemptId: string;
  event: { type: string; at: number; [field: string]: unknown };
}

export interface AuditRow {
  stream: string;
  sequence: number;
  attemptId: string;
  type: string;
  /** Ms since the epoch. */
  at: number;
  userId: string | null;
  challengeId: string | null;
}

export interface Dumps {
  ledger: LedgerMessage[];
  /** Of the streams of the ledger. */
  audit: AuditRow[];
  users: Set<string>;
  /** Whose making the audit tells of, once for each time. */
  usersMade: string[];
  /** The last sequence of each stream that an earlier look has judged. */
  starts: ReadonlyMap<string, number>;
  /** The last sequence of each stream. */
  ends: Map<string, number>;
}

export interface DumpOptions {
  /** Closed at the end. */
  nats: NatsConnection;
  streams: readonly string[];
  /** Any node; the rows of the primary are read. */
  postgres: readonly string[];
  /** Sequences that an earlier look has already judged, by stream. */
  after: ReadonlyMap<string, number>;
}

/** So long without a message, and no more come by themselves. */
const SILENT_MS = 5000;

/** Everything that was decided since the last look, from the engines themselves. */
export async function dump(options: DumpOptions): Promise<Dumps> {
  const { nats, streams, after } = options;
  const ledger: LedgerMessage[] = [];
  const ends = new Map<string, number>();
  try {
    const manager = await jetstreamManager(nats, { timeout: 5000 });
    for (const stream of streams) {
      const { state } = await manager.streams.info(stream);
      const from = (after.get(stream) ?? 0) + 1;
      ends.set(stream, state.last_seq);
      if (state.last_seq < from) continue;
      const consumer = await jetstream(nats).consumers.get(stream, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: from,
      });
      const messages = await consumer.consume({ max_messages: 2000 });
      // The consumer may sit on a copy that does not hear of the last messages.
      const idle = setTimeout(() => messages.stop(), SILENT_MS);
      let next = from;
      for await (const message of messages) {
        idle.refresh();
        ledger.push(entry(stream, message.seq, message.subject, message.json()));
        next = message.seq + 1;
        if (next > state.last_seq) break;
      }
      clearTimeout(idle);
      for (; next <= state.last_seq; next++) {
        const stored = await manager.streams.getMessage(stream, { seq: next });
        if (stored !== null) ledger.push(entry(stream, next, stored.subject, stored.json()));
      }
    }
  } finally {
    await nats.close();
  }
  return { ledger, starts: new Map(after), ends, ...(await rows(options, ends)) };
}

function entry(
  stream: string,
  sequence: number,
  subject: string,
  { attemptId, event }: Pick<LedgerMessage, 'attemptId' | 'event'>,
): LedgerMessage {
  return { stream, sequence, subject, attemptId, event };
}

/** Waits until the projection has come as far as the streams. */
async function rows(
  { postgres, streams, after }: DumpOptions,
  ends: ReadonlyMap<string, number>,
): Promise<Pick<Dumps, 'audit' | 'users' | 'usersMade'>> {
  const client = await primaryOf(postgres);
  try {
    const until = performance.now() + 60_000;
    for (;;) {
      const { rows: found } = await client.query<{ stream: string; last: string }>(
        'select stream, max(sequence) as last from projection_checkpoint group by stream',
      );
      const reached = new Map(found.map(({ stream, last }) => [stream, Number(last)]));
      if (streams.every((stream) => (reached.get(stream) ?? 0) >= (ends.get(stream) ?? 0))) break;
      if (performance.now() > until) break;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const audit: AuditRow[] = [];
    for (const stream of streams) {
      const { rows: page } = await client.query<Omit<AuditRow, 'sequence' | 'at'> & { sequence: string; at: Date }>(
        `select stream, sequence, attempt_id as "attemptId", type, at, user_id as "userId", challenge_id as "challengeId"
         from audit_event where stream = $1 and sequence > $2 and sequence <= $3 order by sequence`,
        [stream, after.get(stream) ?? 0, ends.get(stream) ?? 0],
      );
      audit.push(...page.map((row) => ({ ...row, sequence: Number(row.sequence), at: row.at.getTime() })));
    }
    const { rows: names } = await client.query<{ user_id: string }>('select user_id from app_user');
    const { rows: made } = await client.query<{ user_id: string }>(
      `select user_id from audit_event where stream = 'administration' and type = 'user.create'`,
    );
    const ids = (found: readonly { user_id: string }[]) => found.map(({ user_id }) => user_id);
    return { audit, users: new Set(ids(names)), usersMade: ids(made) };
  } finally {
    await client.end();
  }
}

async function primaryOf(urls: readonly string[]): Promise<pg.Client> {
  for (const url of urls) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows: said } = await client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
      if (said[0]?.standby === false) return client;
    } catch {
      // The other one then.
    }
    await client.end().catch(() => undefined);
  }
  throw new Error('no Postgres node is primary');
}
