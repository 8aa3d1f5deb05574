import { Kysely, PostgresDialect, type PostgresPoolClient, type PostgresQueryResult } from 'kysely';
import pg from 'pg';
import { ConnectFailed, ConnectionLost, ConnectSlow, failureOf, QueryTimeout, sqlStateOf } from './failure.ts';
import type { Schema } from './schema.ts';
import { createSlots } from './slots.ts';

/** What a statement is for, which says how long it may take and whom it makes room for. The more urgent, the earlier in the list. */
const LANES = ['verify', 'login', 'change', 'report'] as const;
export type Lane = (typeof LANES)[number];

/** Those that a node serves if it answers a probe. A change needs more of it: the disk, and the word of the standby. */
const READS: readonly Lane[] = ['verify', 'login'];

/** Of the connections, the part that may be in use when a lane takes one more: the rest is kept for the more urgent (R26). */
const MOST_IN_USE: Record<Lane, number> = { verify: 1, login: 0.8, change: 0.6, report: 0.4 };

export interface NodeOptions {
  url: string;
  applicationName: string;
  /** Longest time for one statement, by what it is for: then nobody waits for it any longer. */
  statementTimeoutMs: Record<Lane, number>;
  /** Longest time that a request waits for a connection to come about. */
  connectTimeoutMs: number;
  /** Longest time that a request waits for a connection while all are in use and nobody is served. */
  queueTimeoutMs: number;
  maxConnections: number;
  maxWaiting: number;
  onRefused?: (lane: Lane) => void;
  /** Statements wait and none is answered: a probe would tell a burst from a server that hangs. */
  onStill?: () => void;
}

/** What a node said of itself. Positions are bytes of the write-ahead log. */
export interface ProbeAnswer {
  recovering: boolean;
  /** Rises by one at each promotion; a standby does not say. */
  timeline: number | undefined;
  position: number;
  /** By the clock of the node, ms since the epoch. */
  clock: number;
  version: string;
  /** Whom a commit of ours waits for, as Postgres names them; empty: for nobody. */
  confirmedBy: string;
}

/** One Postgres server: a bounded pool whose every wait ends by our own clock, whatever the server does. */
export interface PostgresNode {
  /** Host and port, for logs: the address holds a password. */
  readonly name: string;
  readonly lanes: Record<Lane, Kysely<Schema>>;
  /** Statements that wait for a connection. */
  readonly waiting: number;
  /** Asks on a connection of its own, so that a full pool does not make a node look lost. @throws when it does not answer in time. */
  probe(timeoutMs: number): Promise<ProbeAnswer>;
  /** Destroys every socket: whoever waits for an answer hears ConnectionLost now. New statements connect anew. */
  abandon(): void;
  close(): Promise<void>;
}

/** Statements prepared for each connection. Far more than there are; texts that vary without end must not fill the server. */
const MAX_PREPARED = 100;

/**
 * Where Postgres says, by a mere warning, that it commits without the standby because the statement was cancelled. Whoever took that
 * commit for made would lose it with the node.
 */
const GAVE_UP_STANDBY = 'SyncRepWaitForLSN';

/**
 * A connection that comes too late for who asked for it is the next one's. Were it thrown away, a burst that finds too few connections
 * would never get any: opening one costs both sides more than fifty statements, and a machine under load takes its time.
 */
const OPENS_WITHIN_MS = 3000;
/** Who waits longer than this would rather hear it. */
const LONGEST_QUEUE_MS = 5000;
/** Those of a burst are there for the next one. */
const IDLE_FOR_MS = 600_000;

const PROBE_SQL = `
  select pg_is_in_recovery() as recovering,
    case when not pg_is_in_recovery() then substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end as timeline,
    pg_wal_lsn_diff(
      case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, '0/0')::float8 as position,
    (extract(epoch from clock_timestamp()) * 1000)::float8 as clock,
    current_setting('server_version') as version,
    case when current_setting('synchronous_commit') in ('on', 'remote_write', 'remote_apply')
      then current_setting('synchronous_standby_names') else '' end as confirmed_by`;

export function createNode(options: NodeOptions): PostgresNode {
  const { hostname, port, searchParams } = new URL(options.url);
  const name = `${hostname || (searchParams.get('host') ?? 'localhost')}:${port || '5432'}`;
  const slots = createSlots({
    lanes: LANES.map((lane) => [lane, Math.max(1, Math.floor(options.maxConnections * MOST_IN_USE[lane]))] as const),
    maxWaiting: options.maxWaiting,
    waitMs: options.queueTimeoutMs,
    longestWaitMs: LONGEST_QUEUE_MS,
    ...(options.onStill !== undefined && { onStill: options.onStill }),
  });
  const connection = {
    connectionString: options.url,
    application_name: options.applicationName,
    keepAlive: true,
    // Cleans up on the server after a client that gave up. The client's own limits are shorter and are what callers feel.
    statement_timeout: Math.max(...Object.values(options.statementTimeoutMs)) + 1000,
    idle_in_transaction_session_timeout: 10_000,
    lock_timeout: options.statementTimeoutMs.change,
  };
  const broken = new WeakSet<pg.Client>();
  /** Their last commit is on this node alone. */
  const alone = new WeakSet<pg.Client>();
  const prepared = new Map<string, string>();
  let clients = new Set<pg.PoolClient>();
  let pool = openPool();
  let prober: { client: pg.Client; connected: boolean } | undefined;

  function openPool(): pg.Pool {
    const opened = new pg.Pool({
      ...connection,
      max: options.maxConnections,
      connectionTimeoutMillis: OPENS_WITHIN_MS,
      idleTimeoutMillis: IDLE_FOR_MS,
      maxLifetimeSeconds: 1800,
    });
    const mine = new Set<pg.PoolClient>();
    clients = mine;
    opened.on('connect', (client) => {
      mine.add(client);
      // Without a listener an error on a connection in use would end the process.
      client.on('error', () => broken.add(client));
      client.on('notice', ({ routine }) => {
        if (routine === GAVE_UP_STANDBY) alone.add(client);
      });
    });
    opened.on('remove', (client) => mine.delete(client));
    opened.on('error', () => undefined);
    return opened;
  }

  async function connect(lane: Lane): Promise<PostgresPoolClient> {
    await slots.take(lane).catch((error: unknown) => {
      options.onRefused?.(lane);
      throw error;
    });
    const client = await opened();
    const timeoutMs = options.statementTimeoutMs[lane];
    /** Statements that somebody gave up on, and the server did not. */
    const late = new Set<Promise<unknown>>();
    let released = false;
    return {
      query: ((text: string, values: readonly unknown[]) => {
        const prepared = lane === 'login' || lane === 'verify' ? preparedName(text) : undefined;
        const statement = { text, values: [...values], ...(prepared !== undefined && { name: prepared }) };
        // Of a change that was given up nothing must happen later; a read may end, and its connection serves the next one.
        const giveUp = lane === 'change' ? undefined : (work: Promise<unknown>) => void late.add(work);
        return queryWithin(client, broken, statement, timeoutMs, giveUp).then((result) => {
          if (!alone.has(client)) return result;
          destroy(client, broken);
          throw new ConnectionLost('the standby did not confirm the commit');
        });
      }) as PostgresPoolClient['query'],
      release: (discard) => {
        if (released) return;
        released = true;
        void Promise.allSettled(late).then(() => {
          const isBroken = broken.has(client);
          client.release(discard === true || isBroken);
          slots.give(!isBroken && late.size === 0);
        });
      },
    };
  }

  /** The place that was taken is given back when there is no connection, at the latest when it is too late for one. */
  async function opened(): Promise<pg.PoolClient> {
    const opening = pool.connect();
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => setImmediate(resolve, undefined), options.connectTimeoutMs);
    });
    try {
      const client = await Promise.race([opening, timeUp]);
      if (client !== undefined) return client;
    } catch (error) {
      slots.give(false);
      if (failureOf(error) === 'busy') throw error;
      throw new ConnectFailed(`no connection to ${name}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
    void opening
      .then(
        (client) => client.release(),
        () => undefined,
      )
      .finally(() => slots.give(false));
    throw new ConnectSlow(`no connection to ${name} within ${options.connectTimeoutMs} ms`);
  }

  /**
   * Planning the statements of a login costs Postgres several times what running them does, so each connection prepares them
   * once. Not those with a `*`: an expand migration changes their columns, and a prepared one would be refused from then on.
   */
  function preparedName(text: string): string | undefined {
    if (text.includes('*')) return undefined;
    if (!prepared.has(text) && prepared.size < MAX_PREPARED) prepared.set(text, `login_${prepared.size}`);
    return prepared.get(text);
  }

  function laneOf(lane: Lane): Kysely<Schema> {
    const dialect = new PostgresDialect({ pool: { connect: () => connect(lane), end: async () => {}, options: {} } });
    return new Kysely<Schema>({ dialect });
  }

  async function probe(timeoutMs: number): Promise<ProbeAnswer> {
    prober ??= { client: new pg.Client({ ...connection, connectionTimeoutMillis: timeoutMs }), connected: false };
    const mine = prober;
    const { client } = mine;
    try {
      if (!mine.connected) {
        client.on('error', () => broken.add(client));
        await withinTime(client, broken, client.connect(), timeoutMs);
        mine.connected = true;
      }
      const { rows } = await queryWithin<ProbeRow>(client, broken, { text: PROBE_SQL }, timeoutMs);
      const [row] = rows;
      if (row === undefined) throw new Error('a probe gave no row');
      slots.heard(READS);
      return {
        recovering: row.recovering,
        timeline: row.timeline === null ? undefined : Number.parseInt(row.timeline, 16),
        position: row.position,
        clock: row.clock,
        version: row.version.split(' ')[0] ?? '',
        confirmedBy: row.confirmed_by,
      };
    } catch (error) {
      destroy(client, broken);
      if (prober === mine) prober = undefined;
      throw error;
    }
  }

  function abandon(): void {
    const [oldPool, oldClients] = [pool, clients];
    pool = openPool();
    slots.refuseAll();
    for (const client of oldClients) destroy(client, broken);
    void oldPool.end().catch(() => undefined);
  }

  const lanes = {
    verify: laneOf('verify'),
    login: laneOf('login'),
    change: laneOf('change'),
    report: laneOf('report'),
  };
  return {
    name,
    lanes,
    get waiting() {
      return slots.waiting;
    },
    probe,
    abandon,
    close: async () => {
      slots.refuseAll();
      if (prober !== undefined) destroy(prober.client, broken);
      prober = undefined;
      for (const client of clients) destroy(client, broken);
      await pool.end();
    },
  };
}

interface ProbeRow {
  recovering: boolean;
  timeline: string | null;
  position: number;
  clock: number;
  version: string;
  confirmed_by: string;
}

async function queryWithin<Row>(
  client: pg.Client | pg.PoolClient,
  broken: WeakSet<pg.Client>,
  statement: pg.QueryConfig,
  timeoutMs: number,
  giveUp?: (work: Promise<unknown>) => void,
): Promise<PostgresQueryResult<Row>> {
  try {
    const result = await withinTime(client, broken, client.query(statement), timeoutMs, giveUp);
    return result as unknown as PostgresQueryResult<Row>;
  } catch (error) {
    if (!(error instanceof QueryTimeout) && broken.has(client) && sqlStateOf(error) === undefined) {
      throw new ConnectionLost('the connection broke under a statement', { cause: error });
    }
    throw error;
  }
}

/**
 * A hung server sends neither answer nor error, so when time is up the socket is destroyed, which alone ends its statement here; or the
 * work is left to whoever takes care of it.
 */
async function withinTime<T>(
  client: pg.Client | pg.PoolClient,
  broken: WeakSet<pg.Client>,
  work: Promise<T>,
  timeoutMs: number,
  giveUp: (work: Promise<T>) => void = () => destroy(client, broken),
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      // After a stall of our own process the answer may be waiting in the socket: it is read before this runs.
      setImmediate(() => {
        if (timer === undefined) return;
        reject(new QueryTimeout(`no answer within ${timeoutMs} ms`));
        giveUp(work);
      });
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, timeUp]);
  } finally {
    clearTimeout(timer);
    timer = undefined;
    // Whatever the destroyed connection still says, nobody listens.
    work.catch(() => undefined);
  }
}

function destroy(client: pg.Client | pg.PoolClient, broken: WeakSet<pg.Client>): void {
  broken.add(client);
  client.connection.stream.destroy(new ConnectionLost('given up'));
}
