import { MfaError, type InputOf, type Operation, type OutputOf } from '@countersign/contracts';
import { formatTraceparent, isFailure, newTrace, pooledRandomBytes, type Span } from '@countersign/telemetry';
import type { Msg } from '@nats-io/nats-core';
import { decodeAnswer, encodeHead, type Answer } from './codec.ts';
import type { Bus } from './connection.ts';
import type { Credential } from './credential.ts';
import { CALL_RETRIES, CALL_SECONDS } from './metrics.ts';

/** Longer than the 4 to 9 seconds that NATS takes to elect a stream's new leader, and less than the 15 that callers wait. */
export const DEFAULT_DEADLINE_MS = 14_000;

export interface CallOptions {
  /** Names this call for ever, over all its tries: a fresh random id unless the caller repeats itself. */
  attemptId: string;
  credential?: Credential;
  idempotencyKey?: string;
  /** How long to go on trying, from now. */
  deadlineMs?: number;
  /** Aborted when there is no more time to wait for an answer: the end is that of the deadline. */
  signal?: AbortSignal;
  traceparent?: string;
}

/**
 * How long a try may stay without any sign of life, and how that grows. NATS picks a member of the queue group at random,
 * so with one of two replicas frozen every second try is lost: these figures give nine tries in 14 seconds.
 */
const FIRST_TRY_MS = 500;
const TRY_GROWTH = 1.5;
const LONGEST_TRY_MS = 2000;
/** A replica that has said "working" says so again every second; after this long it is taken for dead. */
const WORKING_SILENCE_MS = 2500;
/** Pause after "nobody serves this", doubled up to the second figure. */
const NO_RESPONDER_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 500;
/** When NATS is back, everybody who waited asks again; not in the same instant. */
const RECONNECT_SPREAD_MS = 100;
/** Two clocks that are closer than this are taken to agree (HA-51). */
const NOTICED_SKEW_MS = 1000;
/** Less than this is not worth a try. */
const USELESS_MS = 2;

type RetryReason = 'clock' | 'no responders' | 'silence' | 'disconnected' | 'reconnected';

/**
 * Asks whichever app-server is free. Tries again while nobody serves the operation or a replica stays silent, always
 * with the same attemptId; the first answer counts. An answer "no" is an answer, and is not tried again.
 * @throws MfaError: the answer's, or UNAVAILABLE at the deadline. After UNAVAILABLE the work may have been done.
 */
export async function call<O extends Operation>(
  bus: Bus,
  operation: O,
  input: InputOf<O>,
  options: CallOptions,
): Promise<{ output: OutputOf<O>; replica: string }> {
  const startedAt = performance.now();
  const traceparent = options.traceparent ?? formatTraceparent(newTrace(pooledRandomBytes));
  const span = bus.tracing.follow(`call ${operation.name}`, traceparent, {
    kind: 'client',
    attributes: { 'countersign.operation': operation.name },
  });
  const answer = await exchange(bus, operation, JSON.stringify(input), { ...options, span });
  const code = 'error' in answer ? answer.error.code : 'OK';
  span.set({ 'countersign.code': code, 'countersign.replica': answer.replica });
  span.end('error' in answer && isFailure(answer.error));
  bus.metrics
    ?.histogram(CALL_SECONDS)
    .observe({ operation: operation.name, code }, (performance.now() - startedAt) / 1000);
  if ('error' in answer) throw answer.error;
  return { output: answer.output as OutputOf<O>, replica: answer.replica };
}

type FinalAnswer = Exclude<Answer, { working: true }>;

function exchange(
  bus: Bus,
  operation: Operation,
  payload: string,
  { span, ...options }: CallOptions & { span: Span },
): Promise<FinalAnswer> {
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
  const end = performance.now() + deadlineMs;
  const traceparent = formatTraceparent(span.trace);

  return new Promise((resolve) => {
    let tries = 0;
    let pauses = 0;
    let lastReason: RetryReason | undefined;
    let timer: NodeJS.Timeout | undefined;
    const mailbox = bus.replies.open({
      onMessage,
      onReconnect: () => again('reconnected', spread(RECONNECT_SPREAD_MS)),
    });
    const onAbort = () => finish(gaveUp(tries, lastReason));
    options.signal?.addEventListener('abort', onAbort);
    if (options.signal?.aborted === true) onAbort();
    else attempt();

    function attempt(): void {
      const remainingMs = end - performance.now();
      if (remainingMs < USELESS_MS) return finish(gaveUp(tries, lastReason));
      // What is published without a connection is lost, and what NATS buffered would arrive all at once.
      if (!bus.connected) return again('disconnected', LONGEST_PAUSE_MS);
      if (tries > 0 && lastReason !== undefined) {
        bus.metrics?.counter(CALL_RETRIES).inc({ operation: operation.name, reason: lastReason });
      }
      tries += 1;
      span.set({ 'countersign.tries': tries });
      const deadline = Date.now() + bus.clock.aheadMs + remainingMs;
      const headers = encodeHead({ ...options, deadline, remainingMs, traceparent });
      try {
        bus.nats.publish(operation.subject, payload, { reply: mailbox.subject, headers });
      } catch (cause) {
        return finish(cannotSend(cause));
      }
      again('silence', Math.min(FIRST_TRY_MS * TRY_GROWTH ** (tries - 1), LONGEST_TRY_MS));
    }

    function again(reason: RetryReason, pauseMs: number): void {
      lastReason = reason;
      clearTimeout(timer);
      timer = setTimeout(attempt, Math.max(0, Math.min(pauseMs, end - performance.now())));
    }

    function onMessage(msg: Msg): void {
      if (isNoResponders(msg)) return again('no responders', pauseAfterNobody(pauses++));
      const answer = decodeAnswer(msg.string());
      if ('working' in answer) again('silence', WORKING_SILENCE_MS);
      else if (hasCorrected(bus, answer)) again('clock', 0);
      else finish(answer);
    }

    function finish(answer: FinalAnswer): void {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      mailbox.close();
      resolve(answer);
    }
  });
}

/**
 * Told that it came too late, a caller whose clock is behind takes over the time of those who answer, and asks again. One whose clock
 * was right came too late, and is told so.
 */
function hasCorrected({ clock }: Bus, answer: FinalAnswer): boolean {
  if (!('error' in answer) || answer.lateAt === undefined) return false;
  const aheadMs = answer.lateAt - Date.now();
  if (Math.abs(aheadMs - clock.aheadMs) < NOTICED_SKEW_MS) return false;
  clock.aheadMs = aheadMs;
  return true;
}

function isNoResponders(msg: Msg): boolean {
  return msg.data.length === 0 && msg.headers?.code === 503;
}

/** With jitter, so that callers who lost the same replica do not come back in step. */
function pauseAfterNobody(pauses: number): number {
  const pauseMs = Math.min(NO_RESPONDER_PAUSE_MS * 2 ** pauses, LONGEST_PAUSE_MS);
  return pauseMs / 2 + spread(pauseMs / 2);
}

function spread(ms: number): number {
  return Math.random() * ms;
}

function gaveUp(tries: number, lastReason: RetryReason | undefined): FinalAnswer {
  const reason = `no answer before the deadline; ${tries} tries, last: ${lastReason ?? 'none'}`;
  return { replica: 'none', error: new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason }) };
}

/** Larger than NATS takes, or the connection is closed for good. */
function cannotSend(cause: unknown): FinalAnswer {
  return {
    replica: 'none',
    error: new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'could not be sent', cause }),
  };
}
