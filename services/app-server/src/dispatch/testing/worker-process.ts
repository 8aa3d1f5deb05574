/**
 * One replica's worker as a process of its own, for tests that kill it. `CRASH_AT` names the moment at which it kills itself;
 * the moments are reached through the dependencies that a worker is given, so the worker under test is the real one.
 */
import { randomBytes } from 'node:crypto';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createLogger, createMetrics, noTracing } from '@countersign/telemetry';
import { createTrail } from '../../audit/trail.ts';
import { loadKeyRing } from '../../keys/ring.ts';
import { createBudgets } from '../budget.ts';
import type { Carrier } from '../carriers/carrier.ts';
import { createCarrierPool } from '../carriers/pool.ts';
import { createGenericCarrier } from '../carriers/presets.ts';
import { createClaims } from '../claims.ts';
import { DELIVERY_PACE } from '../deliver.ts';
import { createLimitStore } from '../limit-store.ts';
import { startWorker } from '../worker.ts';

const { NATS_URL = '', CARRIER_URL = '', KEY_RING = '', CRASH_AT = '', ACK_WAIT_MS = '1000' } = process.env;

/** The wall clock: expiry crosses processes. */
const now = () => performance.timeOrigin + performance.now();

let stalled = false;
/** Dies, or stands still once until somebody sends SIGCONT, at the moment of that name. */
function reach(moment: string): void {
  if (CRASH_AT === moment) process.kill(process.pid, 'SIGKILL');
  if (CRASH_AT !== `stall:${moment}` || stalled) return;
  stalled = true;
  process.kill(process.pid, 'SIGSTOP');
}

const nats = await connect({ servers: NATS_URL, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
const client = jetstream(nats, { timeout: 1000 });
const manager = await jetstreamManager(nats, { timeout: 1000 });
const ring = loadKeyRing(KEY_RING);
const metrics = createMetrics({ service: 'test', replica: String(process.pid), processMetrics: false });
const store = createLimitStore({ jetstream: client, manager, randomBytes });
const claims = createClaims(store, ring);
const trail = createTrail(client, String(process.pid), { error: () => undefined });
const limits = { connectTimeoutMs: 1000, timeoutMs: 2000, allowPrivateAddresses: false };
const gateway = createGenericCarrier('main', { url: CARRIER_URL, token: 'bearer-token' }, limits);

const carrier: Carrier = {
  name: gateway.name,
  send: async (message) => {
    reach('sending');
    const outcome = await gateway.send(message);
    reach('answered');
    return outcome;
  },
};

await startWorker({
  nats,
  jetstream: client,
  manager,
  ring: {
    mac: (purpose, ...parts) => ring.mac(purpose, ...parts),
    open: (sealed, aad) => {
      reach('delivered');
      return ring.open(sealed, aad);
    },
  },
  trail: {
    record: async (event) => {
      reach('acknowledged');
      await trail.record(event);
      reach('recorded');
    },
  },
  metrics,
  tracing: noTracing,
  logger: createLogger({ service: 'test', replica: String(process.pid), level: 'warn' }),
  randomBytes,
  now,
  channel: 'sms',
  pool: createCarrierPool({ carriers: [carrier], now, metrics, tracing: noTracing }),
  claims: {
    ...claims,
    take: async (...claim) => {
      reach('opened');
      const claimed = await claims.take(...claim);
      reach('claimed');
      return claimed;
    },
  },
  budgets: createBudgets({ store, ring, randomBytes, metrics }),
  stillWanted: async () => true,
  pace: { ...DELIVERY_PACE, resendAfterMs: Number(ACK_WAIT_MS), freshClaimMs: Number(ACK_WAIT_MS) / 2 },
  settings: { concurrency: 2, maxWaiting: 4, ackWaitMs: Number(ACK_WAIT_MS), maxDeliver: 5 },
});
process.stdout.write('ready\n');
