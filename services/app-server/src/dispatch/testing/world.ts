import { randomBytes } from 'node:crypto';
import { createLogger, createMetrics, noTracing } from '@countersign/telemetry';
import { waitUntil } from '@countersign/testkit';
import type { TrailEvent } from '../../audit/trail.ts';
import { loadKeyRing, type KeyRing } from '../../keys/ring.ts';
import type { Carrier } from '../carriers/carrier.ts';
import { createGenericCarrier } from '../carriers/presets.ts';
import type { Message } from '../job.ts';
import { startDispatch, type Dispatch, type DispatchDependencies } from '../start.ts';
import { DISPATCH, LIMITS } from '../streams.ts';
import { startFakeCarrier, type FakeCarrier } from './fake-carrier.ts';
import { isWorkedOff, startTestNats, type TestConnection, type TestNats } from './nats.ts';

export interface World {
  nats: TestNats;
  connection: TestConnection;
  /** Gateways that the carriers `a` and `b` of every replica lead to. */
  gateways: { a: FakeCarrier; b: FakeCarrier };
  trail: TrailEvent[];
  /** Everything the replicas logged. */
  logged: string[];
  ring: KeyRing;
  startReplica(change?: Partial<DispatchDependencies>): Promise<Dispatch>;
  message(change?: Partial<Message>): Message;
  isSettled(timeoutMs?: number): Promise<void>;
  /** Between tests: replicas away, streams away. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

export const QUICK = { ackWaitMs: 1000, concurrency: 8 };
export const QUICK_PACE = { roundPausesMs: [200, 400], resendAfterMs: 400, freshClaimMs: 300 };

/** A real NATS server, two gateways that speak the real protocol, and any number of replicas in this process. */
export async function startWorld(name: string): Promise<World> {
  const nats = await startTestNats(name);
  const connection = await nats.connect();
  const gateways = { a: await startGateway(), b: await startGateway() };
  const ring = loadKeyRing(`k1:${randomBytes(32).toString('base64')}`);
  const replicas: Dispatch[] = [];
  const trail: TrailEvent[] = [];
  const logged: string[] = [];
  let count = 0;

  return {
    nats,
    connection,
    gateways,
    trail,
    logged,
    ring,
    startReplica: async (change = {}) => {
      const replica = `r${replicas.length}`;
      const started = await startDispatch({
        nats: (await nats.connect()).nats,
        ring,
        carriers: [carrier('a', gateways.a), carrier('b', gateways.b)],
        trail: { record: async (event) => void trail.push(event) },
        metrics: createMetrics({ service: 'test', replica, processMetrics: false }),
        tracing: noTracing,
        logger: createLogger({
          service: 'test',
          replica,
          level: 'debug',
          destination: { write: (line) => void logged.push(line) },
        }),
        now: wallClock,
        randomBytes,
        replicas: 1,
        settings: QUICK,
        pace: QUICK_PACE,
        ...change,
      });
      replicas.push(started);
      return started;
    },
    message: (change = {}) => {
      count += 1;
      const challengeId = `${name}-challenge-${count}`;
      return {
        messageId: `${challengeId}:1`,
        channel: 'sms',
        phone: '+37120000012',
        code: String(700_000 + count),
        application: 'Intranet',
        language: 'en',
        originHost: null,
        texts: {},
        carriers: ['a', 'b'],
        limits: { prefixes: [], perNumberHour: 1000, perNumberDay: 1000, perPrefixHour: 1000, perDay: 10_000 },
        expiresAt: wallClock() + 300_000,
        userId: '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11',
        challengeId,
        ...change,
      };
    },
    isSettled: (timeoutMs = 15_000) =>
      waitUntil(() => isWorkedOff(connection.manager), { timeoutMs, what: 'all messages to be settled' }),
    clear: async () => {
      await Promise.all(replicas.splice(0).map((replica) => replica.drain(3000)));
      for (const stream of [DISPATCH, LIMITS]) await connection.manager.streams.delete(stream).catch(() => false);
      for (const gateway of [gateways.a, gateways.b]) {
        gateway.behave('accept');
        gateway.taken.length = 0;
        gateway.requests.length = 0;
      }
      trail.length = 0;
      logged.length = 0;
    },
    stop: async () => {
      await Promise.all([gateways.a.stop(), gateways.b.stop()]);
      await nats.stop();
    },
  };
}

function startGateway(): Promise<FakeCarrier> {
  return startFakeCarrier({ user: '', password: '', token: 'bearer-token' });
}

function carrier(name: string, gateway: FakeCarrier): Carrier {
  const limits = { connectTimeoutMs: 500, timeoutMs: 800, allowPrivateAddresses: false };
  return createGenericCarrier(name, { url: `${gateway.url}/send`, token: 'bearer-token' }, limits);
}

function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
