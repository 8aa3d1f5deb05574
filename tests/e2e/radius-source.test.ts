import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil, type RunningProcess } from '@countersign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareRadiusBalancers } from '../../infra/ha/radius-balancer.ts';
import { makeNetwork, whyNoNetwork, type MachineNumber, type Network } from '../chaos/machines/network.ts';

const PORTS = { port: 2083, authentication: 1812, accounting: 1813, radsec: 2083 };
const BALANCER = 1;
const OTHER = 2;
const RETURN_PATH = join(import.meta.dirname, '../../infra/ha/return-path');
const dir = mkdtempSync(join(tmpdir(), 'radius-source-'));
/** Answers whoever asks with its name and what it saw of who asked. */
const STAND_IN = `
  const [name, host] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket('udp4').bind(1812, host, () => console.log('up'));
  socket.on('message', (octets, from) =>
    String(octets) === 'be silent' || socket.send(name + ' saw ' + from.address + ':' + from.port, from.port, from.address));
`;

let network: Network;
let balancer: RunningProcess;
const standIns = new Map<MachineNumber, ChildProcess>();
const clients: Socket[] = [];

const inside = (machine: MachineNumber, input: string | undefined, ...words: string[]) => {
  const { status, stdout, stderr } = spawnSync('/sbin/ip', ['netns', 'exec', network.namespaceOf(machine), ...words], {
    encoding: 'utf8',
    ...(input !== undefined && { input }),
  });
  if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  return stdout;
};

/** What an operator does with the files of return-path. */
function prepare(machine: MachineNumber, name: string, values: Readonly<Record<string, string>>): void {
  const [rules, routes] = ['nft', 'routes'].map((kind) =>
    readFileSync(join(RETURN_PATH, `${name}.${kind}`), 'utf8').replaceAll(/\$\{([A-Z_]+)\}/g, (_, place: string) => {
      const value = values[place];
      if (value === undefined) throw new Error(`${name}.${kind} needs a value for ${place}`);
      return value;
    }),
  );
  inside(machine, rules, '/usr/sbin/nft', '-f', '-');
  inside(machine, routes, '/sbin/ip', '-batch', '-');
}

async function startStandIn(machine: MachineNumber): Promise<void> {
  const words = ['netns', 'exec', network.namespaceOf(machine), process.execPath, '-e', STAND_IN];
  const child = spawn('/sbin/ip', [...words, `radius-server-${machine}`, network.hostOf(machine)]);
  standIns.set(machine, child);
  await once(child.stdout, 'data');
}

/** From outside, as a client does. */
async function client() {
  const socket = createSocket('udp4');
  clients.push(socket);
  const answers: Buffer[] = [];
  let asked = '';
  // As clients do, it believes whom it asked and nobody else.
  socket.on('message', (octets, { address }) => address === asked && answers.push(octets));
  await once(socket.bind(0, network.outside), 'listening');
  /** @returns undefined when nothing comes within half a second. */
  const ask = async (packet: string, machine: MachineNumber = BALANCER, port = 1822) => {
    const before = answers.length;
    asked = network.hostOf(machine);
    socket.send(packet, port, asked);
    await waitUntil(() => answers.length > before, { timeoutMs: 500, what: 'an answer' }).catch(() => undefined);
    return answers[before]?.toString();
  };
  return { from: `${network.outside}:${socket.address().port}`, ask };
}

const missing = whyNoNetwork() ?? (existsSync('/usr/sbin/nginx') ? undefined : 'nginx is missing');
describe.skipIf(missing !== undefined)(
  'RADIUS through nginx on machines (skipped without root, nginx or namespaces)',
  () => {
    beforeAll(async () => {
      network = await makeNetwork(`radius-source ${process.pid}`, 5000);
      const mac = inside(BALANCER, undefined, '/bin/cat', '/sys/class/net/eth0/address').trim();
      prepare(BALANCER, 'balancer', { UDP_PORTS: '1822, 1823' });
      prepare(OTHER, 'radius-server', {
        BALANCER_MACS: `${mac} : 0x1811`,
        BALANCER_MARKS: '0x1811',
        BALANCER_MARK: '0x1811',
        BALANCER_TABLE: '1811',
        BALANCER: network.hostOf(BALANCER),
      });
      await Promise.all([startStandIn(BALANCER), startStandIn(OTHER)]);
      const machineOf = (number: MachineNumber) => ({
        host: network.hostOf(number),
        networkNamespace: network.namespaceOf(number),
      });
      const replicas = ([BALANCER, OTHER] as const).map((number) => ({
        ...PORTS,
        name: `radius-server-${number}`,
        machine: machineOf(number),
      }));
      // Beside a radius-server on the same machine, its ports are others.
      const place = { name: 'radius-balancer-1', machine: machineOf(BALANCER), ...PORTS };
      const beside = { ...place, port: 2084, authentication: 1822, accounting: 1823, radsec: 2084 };
      const layout = { dir, logs: dir, radiusBalancers: [beside] };
      const [prepared] = prepareRadiusBalancers(layout, replicas, () => undefined);
      if (prepared === undefined) throw new Error('no balancer');
      balancer = prepared;
      await balancer.start();
    });
    afterAll(async () => {
      await balancer?.kill();
      for (const child of standIns.values()) child.kill();
      for (const socket of clients) socket.close();
      await network?.remove();
      rmSync(dir, { recursive: true, force: true });
    });

    test('the server sees the client, address and port, and answers it: on another machine, and on that of nginx', async () => {
      const { from, ask } = await client();
      const answers = [await ask('one'), await ask('two'), await ask('three'), await ask('four')];
      expect(new Set(answers)).toEqual(new Set([`radius-server-1 saw ${from}`, `radius-server-2 saw ${from}`]));
    });

    test('whoever asks the server itself is answered by it, and not through nginx', async () => {
      const { from, ask } = await client();
      expect(await ask('directly', OTHER, PORTS.authentication)).toBe(`radius-server-2 saw ${from}`);
    });

    test('R13: of a server that was killed the client hears nothing wrong, and the next retransmission reaches the other', async () => {
      standIns.get(OTHER)?.kill();
      const { from, ask } = await client();
      const answers = [await ask('one'), await ask('one'), await ask('one'), await ask('one')];
      // nginx would tell the client with an empty packet, which ends the waiting of some.
      expect(answers.filter((answer) => answer === undefined)).toHaveLength(2);
      expect(answers.filter((answer) => answer === `radius-server-1 saw ${from}`)).toHaveLength(2);
      await startStandIn(OTHER);
      expect(new Set([await ask('two'), await ask('two')]).size).toBe(2);
    });

    test('R13: of a machine that is gone nobody tells, and the next retransmission reaches the other all the same', async () => {
      network.plug(OTHER, false);
      const { from, ask } = await client();
      const answers = [await ask('one'), await ask('one')];
      expect(answers).toContain(`radius-server-1 saw ${from}`);
      network.plug(OTHER, true);
      await expect.poll(() => ask('two')).toBe(`radius-server-2 saw ${from}`);
    });
  },
);
