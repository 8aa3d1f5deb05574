import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processRow } from '@countersign/testkit';
import { afterEach, expect, test } from 'vitest';
import { layout } from '../dev/layout.ts';
import { startDevStack } from '../dev/stack.ts';
import { datagramPortsOf, haLayout, portsOf } from './ha-layout.ts';
import { startHaStack } from './stack.ts';

const dir = mkdtempSync(join(tmpdir(), 'ha-stack-'));
const environment = { COUNTERSIGN_DEV_DIR: dir, COUNTERSIGN_DEV_FIRST_PORT: '34400' };
const quiet = { fresh: false, say: () => undefined, signal: new AbortController().signal };
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Somebody who runs a stack in the folder. */
async function runsIn(folder: string): Promise<() => void> {
  mkdirSync(folder, { recursive: true });
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const mark = { pid, startTicks: processRow(pid)?.startTicks, processes: {} };
  writeFileSync(join(folder, 'run.json'), JSON.stringify(mark));
  return () => void child.kill();
}

test('each of the two stacks is refused while the other runs', async () => {
  const topology = haLayout(environment);
  const endTopology = await runsIn(topology.dir);
  await expect(startDevStack({ ...quiet, layout: layout(environment) })).rejects.toThrow(
    /The production topology runs already \(process \d+\)/,
  );
  endTopology();
  rmSync(dir, { recursive: true });
  const endDevelopment = await runsIn(dir);
  await expect(startHaStack({ ...quiet, layout: topology })).rejects.toThrow(
    /The development stack runs already \(process \d+\)/,
  );
  endDevelopment();
});

test('a port that is taken is named, with who needs it and who has it', async () => {
  const topology = haLayout(environment);
  const port = topology.nats[1]?.route ?? 0;
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  await expect(startHaStack({ ...quiet, layout: topology })).rejects.toThrow(
    new RegExp(`Port ${port}, needed by nats-2, is taken by .*\\(process ${process.pid}\\)`),
  );
  server.close();
});

test('a UDP port that is taken is named as well', async () => {
  const topology = haLayout(environment);
  const port = topology.radiusBalancers[1]?.authentication ?? 0;
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  await once(socket, 'listening');
  await expect(startHaStack({ ...quiet, layout: topology })).rejects.toThrow(
    new RegExp(`Port ${port}, needed by radius-balancer-2, is taken by .*\\(process ${process.pid}\\)`),
  );
  socket.close();
});

test('no two of the topology want the same port', () => {
  const topology = haLayout(environment);
  const { nats, etcd, postgres, appServers, sdkGateways, userPortals, mobileServices } = topology;
  const { balancers, portalBalancers, mobileBalancers, adminBalancers } = topology;
  const services = [appServers, sdkGateways, userPortals, mobileServices].flat();
  const places = [balancers, portalBalancers, mobileBalancers, adminBalancers].flat();
  const others = 3 * nats.length + 2 * etcd.length + 2 * postgres.length + 2;
  const { radiusServers, radiusBalancers } = topology;
  const ofRadius = 2 * radiusServers.length + radiusBalancers.length;
  expect(portsOf(topology).size).toBe(others + services.length + places.length + ofRadius);
  expect(datagramPortsOf(topology).size).toBe(2 * (radiusServers.length + radiusBalancers.length));
});
