import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callEach, connectBus, credentialFromApiKey, type Bus } from '@countersign/bus';
import { clusterStatus, edgeStatus } from '@countersign/contracts';
import { silentLogger } from '@countersign/telemetry';
import { startOperatorCluster, waitUntil, type OperatorCluster } from '@countersign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveStatus } from './status.ts';

const dir = mkdtempSync(join(tmpdir(), 'gateway-status-'));
let cluster: OperatorCluster;
let buses: Bus[];
let admin: Bus;

const connectAs = async (name: string, role: 'sdk-gateway' | 'admin') =>
  connectBus({
    servers: cluster.urls,
    credentialsFile: (await cluster.credentials(name, role)).path,
    authorities: cluster.authorities,
    name,
  });

beforeAll(async () => {
  cluster = await startOperatorCluster({ dir, size: 1, now: Date.now() });
  admin = await connectAs('admin-1', 'admin');
  buses = await Promise.all(['sdk-gateway-1', 'sdk-gateway-2'].map((name) => connectAs(name, 'sdk-gateway')));
  for (const [index, bus] of buses.entries()) {
    await serveStatus({
      bus,
      service: 'sdk-gateway',
      name: 'gateway',
      requests: () => ({ working: index, waiting: 7 }),
      replica: `sdk-gateway-${index + 1}`,
      logger: silentLogger(),
      startedAt: Date.UTC(2026, 10, 23),
      now: Date.now,
    });
  }
});
afterAll(async () => {
  await Promise.all([admin, ...buses].map((bus) => bus.drain()));
  await cluster.kill();
  rmSync(dir, { recursive: true, force: true });
});

test('every gateway answers an administrator for itself, with the permissions that edges have', async () => {
  const answers = await callEach(admin, edgeStatus, {}, { attemptId: 'a' });
  expect(answers).toMatchObject([
    { replica: 'sdk-gateway-1', output: { service: 'sdk-gateway', server: 'nats-1', working: 0, waiting: 7 } },
    { replica: 'sdk-gateway-2', output: { service: 'sdk-gateway', server: 'nats-1', working: 1, waiting: 7 } },
  ]);
});

test('a gateway speaks to no inbox that it was not asked from, and hears no credential of an administrator', async () => {
  const [edge] = buses;
  const heard: string[] = [];
  const inbox = '_INBOX.admin-1.somebody';
  admin.nats.subscribe(inbox, { callback: (_error, message) => void heard.push(message.string()) });
  await admin.nats.flush();
  edge?.nats.publish(inbox, 'not asked');
  await edge?.nats.flush();

  const overheard: string[] = [];
  const spy = edge?.nats.subscribe(clusterStatus.subject, {
    callback: (error) => void overheard.push(error === null ? 'heard' : 'refused'),
  });
  await waitUntil(() => spy?.isClosed() === true, { what: 'NATS to refuse' });
  const credential = credentialFromApiKey('csk_test1_correct-horse-battery-staple');
  await callEach(admin, clusterStatus, {}, { attemptId: 'b', ...(credential !== undefined && { credential }) });
  await admin.nats.flush();
  expect(overheard).toEqual(['refused']);
  expect(heard).toEqual([]);
});
