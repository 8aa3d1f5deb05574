import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, waitUntil, type RunningProcess } from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { THIS_MACHINE } from '../dev/machine.ts';
import type { RadiusPlace } from './ha-layout.ts';
import { prepareRadiusBalancers } from './radius-balancer.ts';

interface StandIn {
  place: RadiusPlace;
  /** What came. */
  heard: string[];
  /** How long it takes over an answer, ms; undefined: for ever. */
  answersAfterMs: number | undefined;
  start(): Promise<void>;
  end(): Promise<void>;
}

const WAIT_SECONDS = 2;
const dir = mkdtempSync(join(tmpdir(), 'radius-balancer-'));
const clients: Socket[] = [];
let standIns: StandIn[];
let balancer: RunningProcess;
let place: RadiusPlace;

async function placeNamed(name: string): Promise<RadiusPlace> {
  const [port, authentication, accounting, radsec] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  return { name, machine: THIS_MACHINE, port, authentication, accounting, radsec };
}

/** Answers with its name and what it was sent. Over TCP with its name alone. */
async function standIn(name: string): Promise<StandIn> {
  let sockets: Socket[] = [];
  let server: Server | undefined;
  const made: StandIn = {
    place: await placeNamed(name),
    heard: [],
    answersAfterMs: 0,
    start: async () => {
      const { authentication, accounting, radsec } = made.place;
      sockets = await Promise.all(
        [authentication, accounting].map(async (port) => {
          const socket = createSocket('udp4');
          socket.on('message', (octets, { address, port: source }) => {
            made.heard.push(octets.toString());
            if (made.answersAfterMs === undefined) return;
            setTimeout(() => socket.send(`${name} ${octets.toString()}`, source, address), made.answersAfterMs);
          });
          await once(socket.bind(port, THIS_MACHINE.host), 'listening');
          return socket;
        }),
      );
      server = createServer((socket) => socket.end(name)).listen(radsec, THIS_MACHINE.host);
      await once(server, 'listening');
    },
    end: async () => {
      await Promise.all(sockets.splice(0).map((socket) => new Promise<void>((done) => socket.close(done))));
      server?.close();
    },
  };
  await made.start();
  return made;
}

/** A client of RADIUS: one port, and what it was answered. */
async function client() {
  const socket = createSocket('udp4');
  clients.push(socket);
  const answers: string[] = [];
  // nginx tells of a server that refused by an empty packet, which clients pass over.
  socket.on('message', (octets) => octets.length > 0 && answers.push(octets.toString()));
  // On every address, as most do: nginx on the same machine cannot have its port.
  await once(socket.bind(0), 'listening');
  const send = (packet: string, port = place.authentication) => socket.send(packet, port, THIS_MACHINE.host);
  /** As a product does: again and again until it is answered. @returns by whom, and with how many tries. */
  const ask = async (packet: string, port = place.authentication) => {
    let tries = 0;
    const before = answers.length;
    await waitUntil(
      async () => {
        tries += 1;
        send(packet, port);
        await waitUntil(() => answers.length > before, { timeoutMs: 300, what: 'an answer' }).catch(() => undefined);
        return answers.length > before;
      },
      { what: `an answer to ${packet}` },
    );
    return { by: answers.at(-1)?.split(' ')[0], tries };
  };
  return { answers, send, ask };
}

const nginx = existsSync('/usr/sbin/nginx');
describe.skipIf(!nginx)('nginx in front of radius-servers (skipped where it is not installed)', () => {
  beforeAll(async () => {
    standIns = [await standIn('radius-server-1'), await standIn('radius-server-2')];
    place = { ...(await placeNamed('radius-balancer-1')), machine: THIS_MACHINE };
    place = { ...place, port: place.radsec };
    const replicas = standIns.map((one) => one.place);
    const layout = { dir, logs: dir, radiusBalancers: [place] };
    const [prepared] = prepareRadiusBalancers(layout, replicas, () => undefined, { waitSeconds: WAIT_SECONDS });
    if (prepared === undefined) throw new Error('no balancer');
    balancer = prepared;
    await balancer.start();
  });
  afterEach(() => {
    for (const one of standIns) [one.answersAfterMs, one.heard] = [0, []];
  });
  afterAll(async () => {
    await balancer?.kill();
    for (const socket of clients) socket.close();
    await Promise.all(standIns.map((one) => one.end()));
    rmSync(dir, { recursive: true, force: true });
  });

  test('packets go to both servers in turn, retransmissions too', async () => {
    const one = await client();
    const by: string[] = [];
    for (let turn = 0; turn < 4; turn++) by.push((await one.ask('request')).by ?? '');
    expect(by.toSorted()).toEqual(['radius-server-1', 'radius-server-1', 'radius-server-2', 'radius-server-2']);
  });

  test('an answer that comes late finds its way, and only after proxy_timeout nobody', async () => {
    for (const one of standIns) one.answersAfterMs = 1500;
    const waiting = await client();
    waiting.send('push');
    await waitUntil(() => standIns.some(({ heard }) => heard.length > 0), { what: 'the request' });
    for (const one of standIns) one.answersAfterMs = 0;
    await (await client()).ask('another');
    await waitUntil(() => waiting.answers.length > 0, { what: 'the answer' });
    expect(waiting.answers[0]).toMatch(/^radius-server-[12] push$/);
    for (const one of standIns) one.answersAfterMs = 1000 * WAIT_SECONDS + 1000;
    waiting.send('push');
    await sleep(1000 * WAIT_SECONDS + 1500);
    expect(waiting.answers).toHaveLength(1);
  });

  test('to be silent is no failure: packets that are wrong take no server away', async () => {
    for (const one of standIns) one.answersAfterMs = undefined;
    for (const one of await Promise.all(Array.from({ length: 12 }, () => client()))) one.send('wrong');
    await waitUntil(() => standIns.every(({ heard }) => heard.length > 0), { what: 'both to hear of it' });
    // Until nginx has given up all of them.
    await sleep(1000 * WAIT_SECONDS + 500);
    for (const one of standIns) one.answersAfterMs = 0;
    const by = new Set<string | undefined>();
    for (let turn = 0; turn < 12; turn++) by.add((await (await client()).ask('right')).by);
    expect(by.size).toBe(2);
  });

  test('accounting and RadSec have servers of their own ports', async () => {
    expect((await (await client()).ask('start', place.accounting)).by).toMatch(/^radius-server-[12]$/);
    const socket = connect(place.radsec, THIS_MACHINE.host).setEncoding('utf8');
    const [name] = (await once(socket, 'data')) as [string];
    expect(name).toMatch(/^radius-server-[12]$/);
  });

  test('R13: when a server was killed the next retransmission reaches the other, and when it is back it is asked at once', async () => {
    const [victim, other] = standIns as [StandIn, StandIn];
    await victim.end();
    const one = await client();
    const tries: number[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const answered = await one.ask(`request ${turn}`);
      expect(answered.by).toBe(other.place.name);
      tries.push(answered.tries);
    }
    expect(Math.max(...tries)).toBe(2);
    await victim.start();
    const by = [(await one.ask('back')).by ?? '', (await one.ask('back')).by ?? ''];
    expect(by.toSorted()).toEqual(['radius-server-1', 'radius-server-2']);
  });

  test('what nginx was told before a server was gone is answered by the other once it is repeated', async () => {
    for (const one of standIns) one.answersAfterMs = undefined;
    const waiting = await client();
    waiting.send('push');
    await waitUntil(() => standIns.some(({ heard }) => heard.length > 0), { what: 'the request' });
    const victim = standIns.find(({ heard }) => heard.length > 0);
    const other = standIns.find((one) => one !== victim);
    await victim?.end();
    for (const one of standIns) one.answersAfterMs = 0;
    expect((await waiting.ask('push')).by).toBe(other?.place.name);
    await victim?.start();
  });
});
