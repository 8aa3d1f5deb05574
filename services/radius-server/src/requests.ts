import { radiusAccount, type InputOf, type radiusLogin } from '@countersign/contracts';
import { formatTraceparent, noTracing, type Logger, type Metrics, type Tracing } from '@countersign/telemetry';
import type { AccessRequest } from './access-request.ts';
import type { Accounting } from './accounting.ts';
import type { Arrival } from './arrival.ts';
import type { Ask } from './ask-app-server.ts';
import { attemptOf } from './attempt.ts';
import type { KnownClient } from './client-table.ts';
import type { Duplicates, Remembered } from './duplicates.ts';
import { failureOf, STOPPING } from './failure.ts';
import type { Verdict } from './judge.ts';
import { decideLogin } from './login.ts';
import { LOGIN_SECONDS, REQUESTS_WAITING } from './metrics.ts';
import type { Notices } from './notices.ts';
import type { Outcomes } from './outcomes.ts';
import { pause } from './pause.ts';
import type { Place } from './places.ts';
import { encodeAccountingResponse, encodeDecision, type Decision } from './reply.ts';
import type { Sightings } from './sightings.ts';

/** A request that was let in, with what it holds until it is done. */
export interface Begun {
  arrival: Arrival;
  remembered: Remembered | undefined;
  place: Place;
  controller: AbortController;
}

export type Work = Extract<Verdict, { what: 'login' | 'reject' | 'accounting' }>;

/** The requests that were let in, each until its answer. */
export interface Requests {
  begin(begun: Begun, asked: Work): void;
  readonly waiting: number;
  /** What waits is let go in silence, since its retransmission reaches another replica. Resolves when all is done. */
  drain(): Promise<void>;
}

export interface RequestsOptions {
  ask: Ask;
  duplicates: Pick<Duplicates, 'answer' | 'forget'>;
  sightings: Pick<Sightings, 'count'>;
  outcomes: Outcomes;
  notices: Notices;
  logger: Logger;
  metrics: Metrics;
  tracing?: Tracing;
  rejectDelayMs: number;
  /** ms since the epoch. */
  now: () => number;
  /** ms of uptime. */
  uptime: () => number;
}

/** Whatever a client waits: nothing that is asked of app-server is held for longer. */
const LONGEST_MS = 55_000;
const SHORTEST_MS = 3000;
/** Every answer that this process gives by itself says no, and nothing but no. */
const REFUSED = { answer: 'reject', attributes: [], send: true } as const satisfies Decision;

/** What becomes of a request that was let in, from the question to app-server to the answer. */
export function createRequests(options: RequestsOptions): Requests {
  const { duplicates, sightings, outcomes, notices, metrics, uptime } = options;
  const tracing = options.tracing ?? noTracing;
  const seconds = metrics.histogram(LOGIN_SECONDS);
  /** Each is aborted by itself: a listener more on a signal that all share is looked for among all of them. */
  const waiting = new Set<AbortController>();
  let underWay = 0;
  let isStopping = false;
  let onIdle = (): void => undefined;
  metrics.gauge(REQUESTS_WAITING, () => waiting.size);

  function begin(begun: Begun, asked: Work): void {
    switch (asked.what) {
      case 'login':
        return run(begun, () => login(begun, asked.request));
      case 'reject':
        return run(begun, () => refuse(begun, asked.reason));
      case 'accounting':
        return run(begun, () => account(begun, asked.accounting));
    }
  }

  /** Does the work, with everything that it holds given back in the end. Nothing that goes wrong in it gives an answer. */
  function run({ arrival, remembered, place, controller }: Begun, work: () => Promise<void>): void {
    const { open } = arrival;
    open?.add(controller);
    underWay += 1;
    work()
      .catch((error: unknown) => {
        if (remembered !== undefined) duplicates.forget(remembered);
        fail(arrival, controller, error);
      })
      .finally(() => {
        place.leave();
        open?.delete(controller);
        underWay -= 1;
        if (underWay === 0) onIdle();
      });
  }

  function fail(arrival: Arrival, { signal }: AbortController, error: unknown): void {
    const { clientId } = arrival.client;
    const { reason, event, detail } = failureOf(error, signal);
    if (reason === 'unavailable') sightings.count(clientId, ['dropped-unavailable']);
    if (event !== undefined) {
      notices.warn(event, clientId, { clientId, error, ...(detail !== undefined && { detail }) });
    }
    outcomes.drop(arrival, reason);
  }

  async function login(begun: Begun, request: AccessRequest): Promise<void> {
    const { arrival, place, controller } = begun;
    const { packet, client, way, source, cameAt } = arrival;
    const input: InputOf<typeof radiusLogin> = {
      clientId: client.clientId,
      ...request,
      source,
      transport: way.transport,
    };
    const span = tracing.enter('radius access-request', undefined, { kind: 'server' });
    try {
      const decision = await decideLogin({
        ask: options.ask,
        input,
        attemptId: attemptOf(client.clientId, packet, way),
        deadlineMs: patienceMs(client),
        traceparent: formatTraceparent(span.trace),
        signal: controller.signal,
        onFirst: (answer) => {
          seconds.observe({ decision: answer }, (uptime() - cameAt) / 1000);
          place.stopWorking();
          if (answer === 'wait') beginWait(controller);
        },
        now: options.now,
      });
      waiting.delete(controller);
      await answer(begun, decision);
      span.end();
    } catch (error) {
      span.end(true);
      throw error;
    } finally {
      waiting.delete(controller);
    }
  }

  function beginWait(controller: AbortController): void {
    waiting.add(controller);
    if (isStopping) controller.abort(STOPPING);
  }

  /** What cannot succeed is refused as late as what was tried. */
  async function refuse(begun: Begun, reason: string): Promise<void> {
    const { arrival, place } = begun;
    const { clientId } = arrival.client;
    place.stopWorking();
    notices.warn('radius.cannot', `${clientId} ${reason}`, { clientId, reason, address: arrival.source });
    await answer(begun, REFUSED);
  }

  async function answer({ arrival, remembered, controller }: Begun, decision: Decision): Promise<void> {
    const { packet, way, client, cameAt, respond } = arrival;
    const octets = encodeDecision(decision, packet, way);
    if (decision.answer === 'reject') {
      // RAD-49: no clock tells which check failed.
      await pause(cameAt + options.rejectDelayMs - uptime(), controller.signal);
      if (controller.signal.aborted) throw controller.signal.reason;
    }
    if (remembered !== undefined) duplicates.answer(remembered, octets, uptime());
    outcomes.answered(packet, decision.send ? decision.answer : 'kept');
    options.logger.info('radius.answered', {
      clientId: client.clientId,
      code: decision.answer,
      ms: Math.round(uptime() - cameAt),
      address: arrival.source,
      ...(!decision.send && { detail: 'Another replica tells it.' }),
    });
    if (decision.send) respond(octets);
  }

  async function account({ arrival, remembered, controller }: Begun, accounting: Accounting): Promise<void> {
    const { packet, client, way, respond } = arrival;
    const { clientId } = client;
    await options.ask(
      radiusAccount,
      { clientId, ...accounting },
      { attemptId: attemptOf(clientId, packet, way), deadlineMs: patienceMs(client), signal: controller.signal },
    );
    const octets = encodeAccountingResponse(packet, way);
    if (remembered !== undefined) duplicates.answer(remembered, octets, uptime());
    outcomes.answered(packet, 'response');
    respond(octets);
  }

  return {
    begin,
    get waiting() {
      return waiting.size;
    },
    drain: () => {
      isStopping = true;
      for (const controller of waiting) controller.abort(STOPPING);
      if (underWay === 0) return Promise.resolve();
      return new Promise((resolve) => (onIdle = resolve));
    },
  };
}

/** How long the client waits in all: what is decided later, it does not hear. */
function patienceMs({ timeoutSeconds, tries }: KnownClient): number {
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, timeoutSeconds * tries * 1000));
}
