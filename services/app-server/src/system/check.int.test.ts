import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@countersign/telemetry';
import { startNats, type NatsServer } from '@countersign/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureTrailStream } from '../audit/trail.ts';
import { ensureNoncesStream } from '../device/nonces.ts';
import { ensureDispatchStreams } from '../dispatch/streams.ts';
import { ensureIdempotencyStream } from '../idempotency/stream.ts';
import { loadKeyRing } from '../keys/ring.ts';
import { ensureLedgerStream, UNDIVIDED } from '../ledger/partition.ts';
import { RELEASE } from '../release/release.ts';
import { ensureRadiusStream } from '../radius/kept.ts';
import { ensureSessionStreams } from '../session/stream.ts';
import { check, type CheckDependencies } from './check.ts';

let nats: NatsServer;
let connection: NatsConnection;
let lines: string[];
const folder = mkdtempSync(join(tmpdir(), 'check-'));

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  connection = await connect({ servers: nats.url });
  const manager = await jetstreamManager(connection);
  await ensureLedgerStream(manager, UNDIVIDED, 1);
  await ensureTrailStream(manager, 1);
  await ensureDispatchStreams(manager, 1);
  await ensureSessionStreams(manager, 1);
  await ensureNoncesStream(manager, 1);
  await ensureRadiusStream(manager, 1);
  await ensureIdempotencyStream(manager, 1);
});
afterAll(async () => {
  await connection.drain();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A replica whose Postgres reads end as they are told. */
function replica(read: () => Promise<never>): CheckDependencies {
  lines = [];
  return {
    replica: 'app-server-1',
    now: Date.now,
    logger: createLogger({ service: 's', replica: 'r', destination: { write: (line) => void lines.push(line) } }),
    bus: { nats: connection },
    router: { nodes: () => [], lastOutage: () => undefined, read, write: read, close: () => Promise.resolve() },
    ring: loadKeyRing(`k1:${Buffer.alloc(32, 7).toString('base64')}`),
    signingKeys: { signsSince: Date.now },
    parts: [{ partition: UNDIVIDED, continuity: { isProven: () => true, floor: () => ({ at: 0 }) } }],
    policies: { layers: () => [], wantMakes: () => false },
    settled: { number: RELEASE },
    relyingParty: undefined,
    deviceUrl: undefined,
    metadata: undefined,
    directories: { all: () => [], unopened: () => [] },
    radiusClients: { unopened: () => [] },
    radiusUpstreams: { all: () => [], unopened: () => [] },
    pool: { states: () => [{ name: 'inbox', phase: 'closed' as const }] },
    projector: { status: () => [] },
    natsUrls: [nats.url],
    copies: 1,
    acceptsUnsynced: false,
  };
}

const failed = ['postgres.primary', 'keys.ring', 'passkeys', 'phones.passkeys', 'radius.clients', 'policy'];

async function failures(deps: CheckDependencies) {
  const { checks } = await check(deps, {});
  expect(checks.filter(({ name }) => name.startsWith('nats.stream')).map(({ level }) => level)).toEqual(
    Array.from({ length: 9 }, () => 'ok'),
  );
  return checks.filter(({ level }) => level === 'fail');
}

test('what cannot be looked at is a failed check, and the rest is told; the error stays in the log (R24)', async () => {
  const found = await failures(replica(() => Promise.reject(new Error('no pg_hba entry for host 10.0.0.7'))));
  expect(found.map(({ name }) => name)).toEqual(failed);
  for (const { advice } of found) expect(advice).toMatch(/\w/);
  expect(JSON.stringify(found)).not.toContain('10.0.0.7');
  expect(lines.join()).toContain('pg_hba');
});

test('R26: what hangs does not keep the others waiting for ever', async () => {
  const startedAt = performance.now();
  const found = await failures(replica(() => new Promise(() => undefined)));
  expect(found.map(({ name }) => name)).toEqual(failed);
  expect(performance.now() - startedAt).toBeLessThan(6000);
});
