import { setTimeout as delay } from 'node:timers/promises';
import { EDGE_ANSWERS, MfaError, placesFor, type InputOf, type Operation, type OutputOf } from '@countersign/contracts';
import {
  formatTraceparent,
  isFailure,
  parseTraceparent,
  withinTrace,
  type Logger,
  type Metrics,
} from '@countersign/telemetry';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { decodeHead, encodeError, encodeLate, encodeOutput, encodeWorking, type RequestHead } from './codec.ts';
import type { Bus } from './connection.ts';
import type { Credential } from './credential.ts';
import { OPERATION_SECONDS, OPERATIONS_IN_FLIGHT, OPERATIONS_REFUSED } from './metrics.ts';
import { checkInput } from './validate.ts';

export interface CallRequest {
  operation: Operation;
  attemptId: string;
  credential: Credential | undefined;
  idempotencyKey?: string;
  /** ms since the epoch, by this machine's clock. Nobody hears an answer that comes later. */
  deadline: number;
  traceparent: string;
  /** Aborted when this replica is told to stop: whoever merely waits should answer now with how things stand. */
  stopping: AbortSignal;
}

export interface Endpoint<O extends Operation = Operation> {
  operation: O;
  handle(input: InputOf<O>, request: CallRequest): Promise<OutputOf<O>>;
  /** A bound of its own, apart from the common one: for operations that mostly wait. */
  maxInFlight?: number;
  /** A queue group of its own. With the replica's name in it every replica answers (`callEach`). */
  queue?: string;
}

export interface ServeOptions {
  /** NATS queue group: each request goes to one member. */
  queue: string;
  /** Named in every answer. */
  replica: string;
  /** More than this many at a time are refused at once, so that a queue never grows (R26); of what is urgent, a quarter more. */
  maxInFlight: number;
  /** Whether this process cannot keep up: then only what is urgent is taken. Never, unless given. */
  isStrained?: () => boolean;
  logger: Logger;
  metrics?: Metrics;
  /** How long `drain` waits for work under way. */
  drainMs?: number;
}

export interface Serving {
  /** Leaves the queue groups: others get what comes. What has a queue group of its own goes on. */
  pause(): void;
  resume(): void;
  /** Takes nothing more, tells those who wait, lets what is under way finish, and resolves. */
  drain(): Promise<void>;
}

/**
 * Where answers may go: to somebody's inbox, or for edges where they may answer. NATS does not check a reply subject against what
 * the asker may publish, so without this an asker could have us write to the streams that we alone may write to.
 */
const ANSWERABLE = {
  'app-server': /^_INBOX\.(?!app-server\.)[\w-]+(?:\.[\w-]+)*$/,
  edge: new RegExp(`^${EDGE_ANSWERS.replaceAll('.', String.raw`\.`)}\\.[\\w-]+$`),
} satisfies Record<Operation['servedBy'], RegExp>;
/** Whatever the caller says: nothing here takes longer, and what is claimed until the deadline is claimed no longer. */
const LONGEST_DEADLINE_MS = 60_000;
/** Two machines may disagree this much about the time (HA-51). */
const CLOCK_SKEW_MS = 2000;
/** A burst is worked off in some seconds; who repeats sooner meets it again, and callers repeat once. */
const RETRY_AFTER_SECONDS = { late: 1, overload: 3, strain: 3 };
const DRAIN_MS = 10_000;
const LEAVE_MS = 1000;
/** A caller takes 500 ms of silence for a dead replica, so whoever needs longer says in time that it is alive. */
const FIRST_SIGN_MS = 150;
const NEXT_SIGN_MS = 1000;
const SIGN_TICK_MS = 125;

interface Lane {
  inFlight: number;
  limitFor(operation: Operation): number;
}

interface Work {
  nextSignAt: number;
}

/** Types one endpoint by its operation, so that a list of them may hold different ones. */
export function endpoint<O extends Operation>(
  operation: O,
  handle: Endpoint<O>['handle'],
  options: Pick<Endpoint, 'maxInFlight' | 'queue'> = {},
): Endpoint {
  return { operation, handle: handle, ...options };
}

/** @throws when NATS does not allow this user to serve one of the subjects. */
export async function serve(bus: Bus, endpoints: readonly Endpoint[], options: ServeOptions): Promise<Serving> {
  const common: Lane = { inFlight: 0, limitFor: (operation) => placesFor(operation, options.maxInFlight) };
  /** By reply subject, of which every call has one for all its tries. */
  const working = new Map<string, Work>();
  const idle = new Set<() => void>();
  options.metrics?.gauge(OPERATIONS_IN_FLIGHT, () => working.size);
  let isPaused = false;
  const stopping = new AbortController();
  const signs = setInterval(signalLife, SIGN_TICK_MS);
  signs.unref();

  // From here on requests come in, before NATS has confirmed it.
  const served = endpoints.map((each) => {
    const { maxInFlight } = each;
    const lane = maxInFlight === undefined ? common : { inFlight: 0, limitFor: () => maxInFlight };
    const subscribe = () =>
      bus.nats.subscribe(each.operation.subject, {
        queue: each.queue ?? options.queue,
        callback: (error, msg) => {
          if (error !== null) options.logger.error('bus.subscription', { subject: each.operation.subject, error });
          else if (msg.reply !== undefined && msg.reply !== '') receive(each, lane, msg, msg.reply);
        },
      });
    return { each, subscribe, subscription: subscribe() };
  });
  const subscriptions = () => served.map(({ subscription }) => subscription);
  const shared = served.filter(({ each }) => each.queue === undefined);
  await confirm(bus, subscriptions()).catch((error: unknown) => {
    clearInterval(signs);
    throw error;
  });

  function receive(each: Endpoint, lane: Lane, msg: Msg, reply: string): void {
    if (!ANSWERABLE[each.operation.servedBy].test(reply)) return;
    // A further try of what is in hand already: the one answer will do.
    if (working.has(reply)) return;
    let head: RequestHead;
    try {
      head = decodeHead(msg.headers);
    } catch (error) {
      return answer(reply, encodeError(options.replica, error));
    }
    const now = Date.now();
    const deadline = Math.min(now + Math.min(head.remainingMs, LONGEST_DEADLINE_MS), head.deadline + CLOCK_SKEW_MS);
    if (deadline <= now) return refuse(each, reply, 'late');
    if (lane.inFlight >= lane.limitFor(each.operation)) return refuse(each, reply, 'overload');
    if (!each.operation.urgent && options.isStrained?.() === true) return refuse(each, reply, 'strain');
    void run(each, lane, msg, reply, { head, deadline });
  }

  async function run(
    each: Endpoint,
    lane: Lane,
    msg: Msg,
    reply: string,
    { head, deadline }: { head: RequestHead; deadline: number },
  ): Promise<void> {
    const startedAt = performance.now();
    const { name: operation } = each.operation;
    lane.inFlight += 1;
    working.set(reply, { nextSignAt: startedAt + FIRST_SIGN_MS });
    const span = bus.tracing.follow(operation, head.traceparent, {
      kind: 'server',
      attributes: { 'countersign.operation': operation },
    });
    let code = 'OK';
    let failed = false;
    let text: string;
    try {
      const input = parse(msg);
      checkInput(each.operation, input);
      const request: CallRequest = {
        operation: each.operation,
        attemptId: head.attemptId,
        credential: head.credential,
        ...(head.idempotencyKey !== undefined && { idempotencyKey: head.idempotencyKey }),
        deadline,
        stopping: stopping.signal,
        traceparent: formatTraceparent(span.trace),
      };
      const output = await withinTrace(span.trace, () => each.handle(input, request));
      text = encodeOutput(options.replica, output);
    } catch (error) {
      code = error instanceof MfaError ? error.code : 'INTERNAL';
      failed = isFailure(error);
      text = encodeError(options.replica, error);
      report(operation, head, code, error);
    } finally {
      lane.inFlight -= 1;
      working.delete(reply);
    }
    span.set({ 'countersign.code': code });
    span.end(failed);
    options.metrics?.histogram(OPERATION_SECONDS).observe({ operation, code }, (performance.now() - startedAt) / 1000);
    answer(reply, text);
    if (working.size === 0) for (const resolve of idle) resolve();
  }

  function report(operation: string, head: RequestHead, code: string, error: unknown): void {
    const traceId = parseTraceparent(head.traceparent)?.traceId;
    const fields = { code, attemptId: head.attemptId, ...(traceId !== undefined && { traceId }), error };
    if (code === 'INTERNAL') options.logger.error(operation, fields);
    else if (error instanceof MfaError && error.cause !== undefined) options.logger.warn(operation, fields);
    else if (error instanceof MfaError && error.reason !== undefined) options.logger.info(operation, fields);
  }

  function refuse(each: Endpoint, reply: string, reason: 'late' | 'overload' | 'strain'): void {
    options.metrics?.counter(OPERATIONS_REFUSED).inc({ operation: each.operation.name, reason });
    const refusal = new MfaError('UNAVAILABLE', { retryAfterSeconds: RETRY_AFTER_SECONDS[reason] });
    answer(
      reply,
      reason === 'late' ? encodeLate(options.replica, refusal, Date.now()) : encodeError(options.replica, refusal),
    );
  }

  function answer(reply: string, text: string): void {
    try {
      bus.nats.publish(reply, text);
    } catch (error) {
      // Too large for NATS, or closed. The caller must not take it for silence and have the work done again.
      options.logger.error('bus.answer', { error, bytes: text.length });
      if (!bus.nats.isClosed()) {
        bus.nats.publish(reply, encodeError(options.replica, new MfaError('INTERNAL')));
      }
    }
  }

  function signalLife(): void {
    const now = performance.now();
    for (const [reply, work] of working) {
      if (work.nextSignAt > now || bus.nats.isClosed()) continue;
      work.nextSignAt = now + NEXT_SIGN_MS;
      bus.nats.publish(reply, encodeWorking(options.replica));
    }
  }

  return {
    pause: () => {
      if (isPaused || stopping.signal.aborted) return;
      isPaused = true;
      for (const { subscription } of shared) subscription.unsubscribe();
    },
    resume: () => {
      if (!isPaused || stopping.signal.aborted) return;
      isPaused = false;
      for (const entry of shared) entry.subscription = entry.subscribe();
    },
    drain: async () => {
      stopping.abort();
      const left = Promise.all(
        subscriptions()
          .filter((subscription) => !subscription.isClosed())
          .map((subscription) => subscription.drain()),
      ).catch((error: unknown) => options.logger.warn('bus.drain', { error }));
      // NATS confirms it in a moment, or is away and gives us nothing anyway.
      await Promise.race([left, delay(LEAVE_MS)]);
      await untilIdle(working, idle, options.drainMs ?? DRAIN_MS);
      clearInterval(signs);
    },
  };
}

function parse(msg: Msg): unknown {
  try {
    return JSON.parse(msg.string());
  } catch (cause) {
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '', message: 'is not JSON' }], cause });
  }
}

/** NATS reports a refused subscription before it answers a flush. */
async function confirm(bus: Bus, subscriptions: readonly Subscription[]): Promise<void> {
  await bus.nats.flush();
  const refused = subscriptions.filter((subscription) => subscription.isClosed());
  if (refused.length === 0) return;
  const subjects = refused.map((subscription) => subscription.getSubject()).join(', ');
  throw new Error(`NATS does not allow this user to serve ${subjects}. Check the permissions in infra/nats.`);
}

function untilIdle(working: ReadonlyMap<string, unknown>, idle: Set<() => void>, timeoutMs: number): Promise<void> {
  if (working.size === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, timeoutMs);
    idle.add(done);
    function done(): void {
      clearTimeout(timer);
      idle.delete(done);
      resolve();
    }
  });
}
