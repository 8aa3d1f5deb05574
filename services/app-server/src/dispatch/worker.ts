import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumerMessages, JetStreamClient, JetStreamManager, JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { withinTrace, type Logger, type Metrics, type Tracing } from '@countersign/telemetry';
import type { Trail } from '../audit/trail.ts';
import type { KeyRing } from '../keys/ring.ts';
import { deliver, type DeliverDependencies, type Ending } from './deliver.ts';
import { openJob, type Channel, type Job } from './job.ts';
import { MESSAGES_IN_HAND } from './metrics.ts';
import { reportEnding } from './report.ts';
import { DISPATCH, ensureSenders, sendersOf, TRACEPARENT } from './streams.ts';

export interface WorkerSettings {
  /** Messages that this replica sends at a time. */
  concurrency: number;
  /** Messages beyond that which wait here between two rounds of refusals. */
  maxWaiting: number;
  ackWaitMs: number;
  /** Deliveries of one message, counting those that died before they sent anything. How often it is sent, claims.ts decides. */
  maxDeliver: number;
}

export const WORKER_SETTINGS: WorkerSettings = { concurrency: 16, maxWaiting: 64, ackWaitMs: 6000, maxDeliver: 5 };

export interface WorkerDependencies extends Omit<DeliverDependencies, 'ring'> {
  nats: NatsConnection;
  jetstream: JetStreamClient;
  manager: JetStreamManager;
  ring: Pick<KeyRing, 'open' | 'mac'>;
  trail: Trail;
  metrics: Metrics;
  tracing: Tracing;
  logger: Logger;
  randomBytes: (size: number) => Buffer;
  channel: Channel;
  settings: WorkerSettings;
}

export interface Worker {
  /** Takes no more messages, brings those in hand to an end, gives back those that wait. Returns when all are settled. */
  drain(timeoutMs?: number): Promise<void>;
}

/** What all replicas together may have in hand; beyond it messages wait in the stream. */
const MAX_ACK_PENDING = 1024;
/** Long enough to be cheap, short enough that a pull which the server forgot (a restart) is soon made again. */
const PULL_MS = 10_000;
const PULL_HEARTBEAT_MS = 2000;
const AFTER_ERROR_MS = 500;
const DRAIN_MS = 15_000;
/** For so long, a replica that could not read a message leaves the queue to the others, so that one of them gets it. */
const STEP_BACK_MS = 2000;
const UNREADABLE_AGAIN_MS = 500;

/**
 * Sends what waits in the queue, together with the workers of all other replicas: a message is in one hand at a time, and goes
 * to another when nothing was heard of it for `ackWaitMs`.
 */
export async function startWorker(deps: WorkerDependencies): Promise<Worker> {
  const { jetstream, manager, ring, metrics, tracing, logger, randomBytes, channel, settings } = deps;
  const { ackWaitMs, maxDeliver } = settings;
  const senderSettings = { ackWaitMs, maxDeliver, maxAckPending: MAX_ACK_PENDING };
  await ensureSenders(manager, channel, senderSettings);
  const consumer = await jetstream.consumers.get(DISPATCH, sendersOf(channel));

  const stopping = new AbortController();
  const pulls = new Set<ConsumerMessages>();
  const inHand = new Set<Promise<void>>();
  let waiting = 0;
  let steppedBack: Promise<void> = Promise.resolve();
  const inHandGauge = metrics.gauge(MESSAGES_IN_HAND);

  /** One pull at a time per slot: a message is only asked for when somebody is free to send it, so none ages in a buffer. */
  async function runSlot(): Promise<void> {
    while (!stopping.signal.aborted) {
      await steppedBack;
      const message = await pullOne().catch(async (error: unknown) => {
        if (stopping.signal.aborted) return undefined;
        logger.warn('message.pull', { channel, error });
        await sleep(AFTER_ERROR_MS);
        // The server may have come back without the consumer.
        await ensureSenders(manager, channel, senderSettings).catch(() => undefined);
        return undefined;
      });
      if (message !== undefined) await begin(message);
    }
  }

  async function pullOne(): Promise<JsMsg | undefined> {
    const pull = await consumer.fetch({ max_messages: 1, expires: PULL_MS, idle_heartbeat: PULL_HEARTBEAT_MS });
    pulls.add(pull);
    if (stopping.signal.aborted) void pull.close();
    try {
      for await (const message of pull) return message;
      return undefined;
    } finally {
      pulls.delete(pull);
    }
  }

  /** Resolves when the slot is free: the message is settled, or waits elsewhere. */
  function begin(message: JsMsg): Promise<void> {
    return new Promise((free) => {
      const work = handleTraced(message, free)
        .catch((error: unknown) => logger.error('message.settle', { channel, error }))
        .finally(() => {
          inHand.delete(work);
          inHandGauge.set(inHand.size);
          free();
        });
      inHand.add(work);
      inHandGauge.set(inHand.size);
    });
  }

  async function pause(ms: number, free: () => void): Promise<boolean> {
    if (stopping.signal.aborted) return false;
    if (waiting < settings.maxWaiting) free();
    waiting += 1;
    try {
      await sleep(ms, undefined, { signal: stopping.signal });
      return true;
    } catch {
      return false;
    } finally {
      waiting -= 1;
    }
  }

  /** In the trace of the login that handed the message over, whichever replica that was. */
  async function handleTraced(message: JsMsg, free: () => void): Promise<void> {
    const span = tracing.follow('message.deliver', message.headers?.get(TRACEPARENT), {
      kind: 'consumer',
      attributes: { 'countersign.channel': channel, 'countersign.delivery': message.info.deliveryCount },
    });
    try {
      const end = await withinTrace(span.trace, () => handle(message, free));
      span.set({ 'countersign.outcome': end });
      span.end(end === 'failed');
    } catch (error) {
      span.end(true);
      throw error;
    }
  }

  async function handle(message: JsMsg, free: () => void): Promise<Ending['end']> {
    const { deliveryCount } = message.info;
    const messageId = message.headers?.get('Nats-Msg-Id') ?? '';
    const job = open(messageId, message);
    // Nobody may take it over while it is being worked on, however long the carriers think.
    const alive = setInterval(() => message.working(), ackWaitMs / 3);
    let ending: Ending;
    try {
      ending =
        job === undefined
          ? { end: 'again', afterMs: UNREADABLE_AGAIN_MS, reason: 'unreadable' }
          : await deliver(deps, job, {
              redelivered: deliveryCount > 1,
              claimId: randomBytes(9).toString('base64url'),
              pause: (ms) => pause(ms, free),
            });
    } catch (error) {
      logger.warn('message.deliver', { channel, messageId, attempt: deliveryCount, error });
      ending = { end: 'again', afterMs: 500 * 2 ** deliveryCount, reason: 'error' };
    } finally {
      clearInterval(alive);
    }
    if (ending.end === 'again' && deliveryCount >= maxDeliver)
      ending = { end: 'failed', reason: `gave_up_${ending.reason}` };
    await settle(message, ending);
    await reportEnding(deps, { messageId, job, deliveryCount, ending });
    return ending.end;
  }

  /** Another replica may have the key, or the newer build: this one gives it back. */
  function open(messageId: string, message: JsMsg): Job | undefined {
    try {
      return openJob(ring, messageId, message.string());
    } catch (error) {
      logger.error('message.open', { channel, messageId, error });
      stepBack();
      return undefined;
    }
  }

  /** Pulls that wait at the server are first in line there: they are taken out. */
  function stepBack(): void {
    steppedBack = sleep(STEP_BACK_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    for (const pull of pulls) void pull.close();
  }

  /**
   * The queue hears of it first, the audit second: what is recorded once too little is a line, what is acknowledged too late
   * is a second text.
   */
  async function settle(message: JsMsg, ending: Ending): Promise<void> {
    if (ending.end === 'again') message.nak(ending.afterMs);
    else if (!(await message.ackAck().catch(() => false))) logger.warn('message.ack', { channel, reason: 'silent' });
  }

  const slots = Array.from({ length: settings.concurrency }, () => runSlot());
  return {
    drain: async (timeoutMs = DRAIN_MS) => {
      stopping.abort();
      for (const pull of pulls) void pull.close();
      const done = Promise.all(slots).then(() => Promise.all(inHand));
      await Promise.race([done, sleep(timeoutMs, undefined, { ref: false })]);
    },
  };
}
