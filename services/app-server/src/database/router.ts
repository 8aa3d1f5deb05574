import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError } from '@countersign/contracts';
import type { Metrics } from '@countersign/telemetry';
import { sql, type Kysely } from 'kysely';
import { ConnectFailed, ConnectSlow, failureOf } from './failure.ts';
import { STATEMENTS_REFUSED } from './metrics.ts';
import { createNode, type Lane, type PostgresNode } from './node.ts';
import type { Schema } from './schema.ts';

/** What the router noticed; for logs and metrics. */
export type RouterEvent =
  | { type: 'node.lost'; node: string; error: unknown }
  | { type: 'node.found'; node: string; role: NodeRole }
  | { type: 'primary.changed'; node: string; timeline: number }
  /** A node that calls itself primary although another was promoted after it. It is not used. */
  | { type: 'primary.stale'; node: string; timeline: number };

export type NodeRole = 'primary' | 'standby' | 'stale' | 'unknown';

export interface NodeStatus {
  name: string;
  role: NodeRole;
  reachable: boolean;
  /** How far a standby is behind, in ms; undefined while the primary is away. */
  lagMs: number | undefined;
  /** The node's clock less ours, in ms. */
  clockSkewMs: number | undefined;
  /** Of Postgres, as it was last seen. */
  version: string | undefined;
  /** Of the primary: whom it waits for before it acknowledges a write; empty: for nobody. */
  confirmedBy: string | undefined;
  /** Statements that wait for a connection to it. */
  waiting: number;
}

/** A time without a primary, as far as this replica noticed. */
export interface Outage {
  /** ms since the epoch. */
  startedAt: number;
  /** Undefined while it lasts. */
  ms: number | undefined;
}

export interface RouterOptions {
  /** Addresses of every Postgres node, in any order: which is primary is found by asking. */
  urls: readonly string[];
  applicationName?: string;
  onEvent?: (event: RouterEvent) => void;
  /** ms since the epoch. */
  now: () => number;
  statementTimeoutMs?: Partial<Record<Lane, number>>;
  connectTimeoutMs?: number;
  queueTimeoutMs?: number;
  maxConnections?: number;
  maxWaiting?: number;
  probeIntervalMs?: number;
  probeTimeoutMs?: number;
  /** A standby that is further behind is read only when the primary cannot be (HA-30). */
  maxLagMs?: number;
  /** How long a write waits for the standby to show it. */
  visibleWithinMs?: number;
  metrics?: Metrics;
}

export interface Router {
  /**
   * Runs on a standby, else on the primary. `work` may run several times, so it must only read.
   * @param options.lane `report` gives listings more time than a login gets; `verify` finds room when logins find none.
   * @param options.from `primary` when the answer must hold every acknowledged write.
   * @throws MfaError UNAVAILABLE (PRIMARY_UNAVAILABLE with `from: 'primary'`) when no node answers.
   */
  read<T>(work: (db: Kysely<Schema>) => Promise<T>, options?: { lane?: Lane; from?: 'primary' }): Promise<T>;
  /**
   * Runs on the primary. After an error the outcome may be unknown, so a repeated change must find its own rows.
   * @param options.visible false: do not wait until standbys show the change.
   * @throws MfaError PRIMARY_UNAVAILABLE when there is no primary that answers, UNAVAILABLE when it is too busy.
   */
  write<T>(work: (db: Kysely<Schema>) => Promise<T>, options?: { visible?: boolean }): Promise<T>;
  nodes(): NodeStatus[];
  /** The last time without a primary; undefined when there always was one since the first. */
  lastOutage(): Outage | undefined;
  close(): Promise<void>;
}

interface Member {
  node: PostgresNode;
  reachable: boolean;
  role: NodeRole;
  timeline: number;
  position: number;
  /** The node's clock less our uptime: ours may be set between a probe and the question. */
  clockBase: number | undefined;
  version: string | undefined;
  confirmedBy: string | undefined;
  failedProbes: number;
  /** Why the last probe failed. */
  problem: unknown;
  probing: Promise<void> | undefined;
}

/** How often all nodes are tried while some answer probes: the only one that is left may be slow for a moment. */
const READ_ROUNDS = 3;
const RETRY_AFTER_SECONDS = { primary: 5, any: 2 };

/**
 * Knows the Postgres nodes by address and finds out by itself which is primary, which are standbys, and which do not answer.
 * A node that failed once is left out until a probe succeeds, so that it costs one request a short wait and no more.
 */
export function createRouter(options: RouterOptions): Router {
  const {
    urls,
    applicationName = 'countersign',
    onEvent = () => undefined,
    now,
    probeIntervalMs = 1000,
    probeTimeoutMs = 500,
    maxLagMs = 5000,
    visibleWithinMs = 250,
  } = options;
  const members = urls.map((url, index): Member => ({
    node: createNode({
      url,
      applicationName,
      statementTimeoutMs: { verify: 300, login: 300, report: 5000, change: 3000, ...options.statementTimeoutMs },
      connectTimeoutMs: options.connectTimeoutMs ?? 300,
      queueTimeoutMs: options.queueTimeoutMs ?? 300,
      maxConnections: options.maxConnections ?? 10,
      maxWaiting: options.maxWaiting ?? 2000,
      onStill: () => {
        const member = members[index];
        if (member !== undefined) void probe(member);
      },
      onRefused: (lane) => options.metrics?.counter(STATEMENTS_REFUSED).inc({ lane }),
    }),
    reachable: false,
    role: 'unknown',
    timeline: 0,
    position: 0,
    clockBase: undefined,
    version: undefined,
    confirmedBy: undefined,
    failedProbes: 0,
    problem: undefined,
    probing: undefined,
  }));
  /** A primary of a lower timeline was replaced while it was away: writes to it would be lost (HA-33). */
  let newestTimeline = 0;
  let primaryName: string | undefined;
  /** Began by uptime, so that it is measured right whatever becomes of the clock. */
  let outage: (Outage & { began: number }) | undefined;
  /** Where the primary stood and when, oldest first: says how old a standby's position is. */
  let trail: { at: number; position: number }[] = [];

  const timer = setInterval(() => void probeAll(), probeIntervalMs);
  timer.unref();
  void probeAll();

  function probeAll(): Promise<unknown> {
    return Promise.all(members.map((member) => probe(member)));
  }

  function probe(member: Member): Promise<void> {
    member.probing ??= ask(member).finally(() => {
      member.probing = undefined;
    });
    return member.probing;
  }

  async function ask(member: Member): Promise<void> {
    const { node } = member;
    try {
      const answer = await node.probe(probeTimeoutMs);
      member.failedProbes = 0;
      member.problem = undefined;
      member.position = answer.position;
      member.clockBase = answer.clock - performance.now();
      member.version = answer.version;
      member.confirmedBy = answer.confirmedBy;
      if (answer.recovering) found(member, 'standby');
      else foundPrimary(member, answer.timeline ?? 0);
      noteOutage();
    } catch (error) {
      lose(member, error);
      member.problem = error;
      member.failedProbes += 1;
      // The first may have been bad luck. After the second nobody waits for this node any longer.
      if (member.failedProbes === 2) node.abandon();
    }
  }

  function foundPrimary(member: Member, timeline: number): void {
    member.timeline = timeline;
    if (timeline < newestTimeline) {
      if (member.role !== 'stale' || !member.reachable)
        onEvent({ type: 'primary.stale', node: member.node.name, timeline });
      member.role = 'stale';
      member.reachable = true;
      return;
    }
    newestTimeline = timeline;
    for (const other of members) {
      if (other.role === 'primary' && other.timeline < timeline) other.role = 'stale';
    }
    found(member, 'primary');
    if (primaryName !== member.node.name) {
      primaryName = member.node.name;
      trail = [];
      onEvent({ type: 'primary.changed', node: primaryName, timeline });
    }
    const at = performance.now();
    trail.push({ at, position: member.position });
    const keepFrom = at - 2 * maxLagMs;
    while (trail.length > 2 && (trail[1]?.at ?? at) < keepFrom) trail.shift();
  }

  function found(member: Member, role: NodeRole): void {
    const news = !member.reachable || member.role !== role;
    member.reachable = true;
    member.role = role;
    if (news) onEvent({ type: 'node.found', node: member.node.name, role });
  }

  function lose(member: Member, error: unknown): void {
    if (!member.reachable) return;
    member.reachable = false;
    noteOutage();
    onEvent({ type: 'node.lost', node: member.node.name, error });
  }

  /** To be called when the role of a node, or whether it answers, may have changed. */
  function noteOutage(): void {
    const isAway = currentPrimary() === undefined;
    const lasts = outage !== undefined && outage.ms === undefined;
    // Before the first primary was found there was none to lose.
    if (isAway && !lasts && primaryName !== undefined) {
      outage = { startedAt: now(), ms: undefined, began: performance.now() };
    } else if (!isAway && outage !== undefined && lasts) {
      outage.ms = performance.now() - outage.began;
    }
  }

  /** ms by which a standby trails what the primary is known to have written. */
  function lagOf(member: Member): number | undefined {
    const newest = trail.at(-1);
    if (member.role !== 'standby' || newest === undefined || currentPrimary() === undefined) return undefined;
    const missing = trail.find((point) => point.position > member.position);
    // Behind the newest point only: it may have been taken after the standby was asked.
    return missing === undefined || missing === newest ? 0 : performance.now() - missing.at;
  }

  function currentPrimary(): Member | undefined {
    return members.find((member) => member.reachable && member.role === 'primary');
  }

  function readable(): Member[] {
    const usable = members.filter((member) => member.reachable && member.role !== 'stale');
    const rank = (member: Member) => {
      if (member.role === 'primary') return 1;
      return (lagOf(member) ?? 0) <= maxLagMs ? 0 : 2;
    };
    return usable.toSorted((a, b) => rank(a) - rank(b));
  }

  /** Waits for probes that are under way; they end by their own limit. Without one there is nothing to wait for. */
  async function foundMeanwhile(): Promise<boolean> {
    const answers = members.flatMap(({ probing }) => probing ?? []);
    const found = answers.map((probing) =>
      probing.then(() => {
        if (readable().length === 0) throw new Error('still nobody');
      }),
    );
    await Promise.any(found).catch(() => undefined);
    return readable().length > 0;
  }

  /** Notes what a failure says of the node. Whether another node may be tried. */
  function learn(member: Member, error: unknown): 'elsewhere' | 'never' {
    const failure = failureOf(error);
    if (failure === 'lost') {
      // What hangs is told by a probe, on a connection that stands.
      if (!(error instanceof ConnectSlow)) lose(member, error);
      void probe(member);
    }
    if (failure === 'readOnly') {
      member.role = 'standby';
      noteOutage();
      void probeAll();
    }
    return failure === 'statement' ? 'never' : 'elsewhere';
  }

  async function read<T>(
    work: (db: Kysely<Schema>) => Promise<T>,
    { lane = 'login', from }: { lane?: Lane; from?: 'primary' } = {},
  ): Promise<T> {
    if (from === 'primary') return onPrimary(work, lane);
    let lastError: unknown;
    for (let round = 1; ; round++) {
      const tried = new Set<Member>();
      const next = () => readable().find((candidate) => !tried.has(candidate));
      for (let member = next(); member !== undefined; member = next()) {
        tried.add(member);
        try {
          return await work(member.node.lanes[lane]);
        } catch (error) {
          if (learn(member, error) === 'never') throw error;
          lastError = error;
        }
      }
      if (round === READ_ROUNDS || failureOf(lastError) === 'busy' || !(await foundMeanwhile())) break;
    }
    throw new MfaError('UNAVAILABLE', {
      retryAfterSeconds: RETRY_AFTER_SECONDS.any,
      reason: 'postgres',
      // Where no node was even tried, why none could be.
      cause: lastError ?? new AggregateError(members.flatMap(({ problem }) => problem ?? [])),
    });
  }

  /** Once more after a refusal that proves nothing was written: no primary known, no connection, or read-only. */
  async function onPrimary<T>(work: (db: Kysely<Schema>) => Promise<T>, lane: Lane): Promise<T> {
    let lastError: unknown;
    for (const last of [false, true]) {
      const member = currentPrimary();
      if (member !== undefined) {
        try {
          return await work(member.node.lanes[lane]);
        } catch (error) {
          const failure = failureOf(error);
          if (learn(member, error) === 'never') throw error;
          if (failure === 'busy') {
            throw new MfaError('UNAVAILABLE', {
              retryAfterSeconds: RETRY_AFTER_SECONDS.any,
              reason: 'postgres busy',
              cause: error,
            });
          }
          lastError = error;
          if (!isUnwritten(error)) break;
        }
      }
      if (!last) await Promise.race([probeAll(), sleep(probeTimeoutMs)]);
    }
    throw new MfaError('PRIMARY_UNAVAILABLE', {
      retryAfterSeconds: RETRY_AFTER_SECONDS.primary,
      reason: 'postgres primary',
      cause: lastError,
    });
  }

  async function write<T>(
    work: (db: Kysely<Schema>) => Promise<T>,
    { visible = true }: { visible?: boolean } = {},
  ): Promise<T> {
    const result = await onPrimary(work, 'change');
    if (visible) await shownByStandbys();
    return result;
  }

  /**
   * Logins read standbys, so a change that is acknowledged should be seen there, whichever replica is asked next. A standby that
   * does not keep up within a moment is no reason to fail: the change is made.
   */
  async function shownByStandbys(): Promise<void> {
    const primary = currentPrimary();
    const standbys = readable().filter((member) => member.role === 'standby' && (lagOf(member) ?? 0) <= maxLagMs);
    if (primary === undefined || standbys.length === 0) return;
    const deadline = performance.now() + visibleWithinMs;
    try {
      const { rows } = await sql<{ lsn: string }>`select pg_current_wal_lsn()::text as lsn`.execute(
        primary.node.lanes.login,
      );
      const lsn = rows[0]?.lsn;
      if (lsn === undefined) return;
      await Promise.all(standbys.map((member) => shownBy(member, lsn, deadline)));
    } catch {
      // Probes notice what is wrong with the node.
    }
  }

  async function shownBy(member: Member, lsn: string, deadline: number): Promise<void> {
    while (performance.now() < deadline) {
      const { rows } = await sql<{
        shown: boolean;
      }>`select coalesce(pg_last_wal_replay_lsn() >= ${lsn}::pg_lsn, true) as shown`.execute(member.node.lanes.login);
      if (rows[0]?.shown !== false) return;
      await sleep(5);
    }
  }

  return {
    read,
    write,
    nodes: () =>
      members.map((member) => ({
        name: member.node.name,
        role: member.role,
        reachable: member.reachable,
        lagMs: lagOf(member),
        clockSkewMs: member.clockBase === undefined ? undefined : member.clockBase + performance.now() - now(),
        version: member.version,
        confirmedBy: member.role === 'primary' ? member.confirmedBy : undefined,
        waiting: member.node.waiting,
      })),
    lastOutage: () => (outage === undefined ? undefined : { startedAt: outage.startedAt, ms: outage.ms }),
    close: async () => {
      clearInterval(timer);
      await Promise.all(members.map(({ node }) => node.close()));
    },
  };
}

function isUnwritten(error: unknown): boolean {
  return failureOf(error) === 'readOnly' || error instanceof ConnectFailed || error instanceof ConnectSlow;
}
