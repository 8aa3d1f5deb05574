import { hash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { RadiusUpstreamSettings } from '@countersign/contracts';
import {
  ATTRIBUTE,
  CODE,
  encodeReply,
  firstOf,
  messageAuthenticatorOf,
  readPacket,
  type Packet,
} from '@countersign/radius';
import { freePort } from '@countersign/testkit';
import { afterEach, expect, test } from 'vitest';
import type { Dropped } from './answer.ts';
import { Upstream, type UpstreamOptions } from './upstream.ts';

const SECRET = Buffer.from('0123456789abcdef');
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

type Answer = (packet: Packet, count: number) => readonly Buffer[];
const signed = (code: number, packet: Packet, secret = SECRET) =>
  encodeReply({ code, attributes: [] }, packet, { secret, version: '1.0' });
/** As servers from before 2024 answer: proven by the Response Authenticator alone (RFC 2865 section 3). */
function unsigned(code: number, { id, authenticator }: Packet): Buffer {
  const head = Buffer.from([code, id, 0, 20]);
  return Buffer.concat([head, hash('md5', Buffer.concat([head, authenticator, SECRET]), 'buffer')]);
}
const accepts: Answer = (packet) => [signed(CODE.accessAccept, packet)];
const silent: Answer = () => [];

/** A server that does as it is told with each datagram. */
async function server(answer: Answer, address = '127.0.0.1') {
  const heard: { octets: Buffer; from: number }[] = [];
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (octets, { port, address: from }) => {
    heard.push({ octets, from: port });
    const packet = readPacket(octets, '1.0');
    if ('malformed' in packet) return;
    for (const reply of answer(packet, heard.length)) socket.send(reply, port, from);
  });
  socket.bind(0, address);
  await once(socket, 'listening');
  closing.push(() => socket.close());
  return { host: address, port: socket.address().port, heard };
}

function upstream(
  servers: RadiusUpstreamSettings['servers'],
  change: Partial<RadiusUpstreamSettings> = {},
  options: Partial<UpstreamOptions> = {},
) {
  const asked = servers.map(({ host, port }) => ({ host, port }));
  const settings = { servers: asked, timeoutSeconds: 0.4, tries: 1, requireMessageAuthenticator: true, ...change };
  return new Upstream({ name: 'NPS', settings, secret: SECRET, now: Date.now, randomBytes, ...options });
}
const REQUEST = { attributes: [{ type: ATTRIBUTE.userName, value: Buffer.from('alice') }], password: 'right' };
const ask = (one: Upstream, withinMs = 10_000) => one.ask(REQUEST, Date.now() + withinMs);
const whyNot = (work: Promise<unknown>) =>
  work.then(
    () => 'answered',
    (error: Error & { code?: string }) => `${error.code}: ${(error.cause as Error | undefined)?.message}`,
  );

test('RAD-35: a request carries a right Message-Authenticator first, and no two share authenticator or port', async () => {
  const well = await server(accepts);
  const one = upstream([well]);
  await Promise.all([ask(one), ask(one)]);
  const packets = well.heard.map(({ octets }) => readPacket(octets, '1.0') as Packet);
  for (const packet of packets) {
    expect(packet.attributes[0]?.type).toBe(ATTRIBUTE.messageAuthenticator);
    expect(messageAuthenticatorOf(packet, SECRET)).toBe('right');
    expect(firstOf(packet, ATTRIBUTE.nasIdentifier)?.toString()).toBe('countersign');
  }
  expect(new Set(packets.map(({ authenticator }) => authenticator.toString('hex'))).size).toBe(2);
  expect(new Set(well.heard.map(({ from }) => from)).size).toBe(2);
});

test('a retransmission is the same octets from the same port; then the next server is asked, with others', async () => {
  const first = await server(silent);
  const second = await server((packet, count) => (count === 2 ? accepts(packet, count) : []));
  const one = upstream([first, second], { tries: 2 });
  expect(await ask(one)).toMatchObject({ outcome: 'accept' });
  for (const { heard } of [first, second]) {
    expect(heard).toHaveLength(2);
    expect(heard[1]).toEqual(heard[0]);
  }
  expect(second.heard[0]?.octets).not.toEqual(first.heard[0]?.octets);
});

test('a server that did not answer is asked last for half a minute', async () => {
  let at = Date.now();
  const first = await server((packet, count) => (count === 1 ? [] : accepts(packet, count)));
  const second = await server(accepts);
  const one = upstream([first, second], {}, { now: () => at });
  const askAt = (afterMs: number) => one.ask(REQUEST, (at += afterMs) + 10_000);
  await askAt(0);
  await askAt(29_000);
  expect([first.heard.length, second.heard.length]).toEqual([1, 2]);
  await askAt(2000);
  expect([first.heard.length, second.heard.length]).toEqual([2, 2]);
});

test('a port where nothing listens is known at once, and its server has heard nothing', async () => {
  const well = await server(accepts);
  const dead = { host: '127.0.0.1', port: await freePort() };
  const since = performance.now();
  expect(await ask(upstream([dead, well], { timeoutSeconds: 10 }))).toMatchObject({ outcome: 'accept' });
  expect(performance.now() - since).toBeLessThan(2000);
  expect(await whyNot(ask(upstream([dead])))).toMatch(/^RADIUS_UPSTREAM_UNAVAILABLE: .*ECONNREFUSED/);
});

test('R11: forged and unsigned answers are dropped and counted, and the right one is waited for', async () => {
  const dropped: Dropped[] = [];
  const onDropped = (_: string, why: Dropped) => dropped.push(why);
  const beset = await server((packet) => [
    Buffer.from('noise'),
    signed(CODE.accessAccept, packet, Buffer.from('another secret!!')),
    signed(CODE.accessAccept, { ...packet, id: (packet.id + 1) % 256 }),
    unsigned(CODE.accessAccept, packet),
    signed(CODE.accessReject, packet),
  ]);
  expect(await ask(upstream([beset], {}, { onDropped }))).toMatchObject({ outcome: 'reject' });
  expect(dropped).toEqual(['malformed', 'wrong-authenticator', 'another-request', 'no-message-authenticator']);

  const old = await server((packet) => [unsigned(CODE.accessAccept, packet)]);
  expect(await whyNot(ask(upstream([old])))).toMatch(/no Message-Authenticator: update it/);
  const insecure = upstream([old], { requireMessageAuthenticator: false });
  expect(await ask(insecure)).toMatchObject({ outcome: 'accept' });

  const forged = await server((packet) => {
    const reply = signed(CODE.accessReject, packet);
    reply.writeUInt8(CODE.accessAccept, 0);
    return [reply];
  });
  expect(await whyNot(ask(upstream([forged])))).toMatch(/^RADIUS_UPSTREAM_UNAVAILABLE: .*not made with this secret/);
});

test('whoever else sends to our port is not heard', async () => {
  const other = createSocket('udp4');
  closing.push(() => other.close());
  const first = await server(silent);
  const asked = ask(upstream([first]));
  await expect.poll(() => first.heard.length).toBe(1);
  const { octets, from } = first.heard[0]!;
  other.send(signed(CODE.accessAccept, readPacket(octets, '1.0') as Packet), from, '127.0.0.1');
  expect(await whyNot(asked)).toMatch(/^RADIUS_UPSTREAM_UNAVAILABLE: .*did not answer in time/);
});

test('nobody waits beyond the deadline, and whoever was not asked has not failed', async () => {
  const [first, second] = [await server(silent), await server(accepts)];
  const one = upstream([first, second], { timeoutSeconds: 5, tries: 5 });
  const since = performance.now();
  expect(await whyNot(ask(one, 300))).toMatch(/^RADIUS_UPSTREAM_UNAVAILABLE/);
  expect(performance.now() - since).toBeLessThan(1500);
  expect(second.heard).toEqual([]);
  expect(await ask(one, 2000)).toMatchObject({ outcome: 'accept' });
  expect(await whyNot(ask(one, 0))).toMatch(/no time left/);
});

test('RAD-06: a password that cannot be sent is refused, and nobody is asked', async () => {
  const well = await server(accepts);
  const one = upstream([well]);
  for (const password of ['', 'x'.repeat(129), 'ā'.repeat(65)])
    expect(await one.ask({ ...REQUEST, password }, Date.now() + 1000)).toEqual({ outcome: 'reject', attributes: [] });
  expect(well.heard).toEqual([]);
  const longest = await one.ask({ ...REQUEST, password: 'x'.repeat(128) }, Date.now() + 1000);
  expect(longest.outcome).toBe('accept');
});

test('a request that fits in no packet is the caller’s fault', async () => {
  const attributes = Array.from({ length: 20 }, () => ({ type: ATTRIBUTE.class, value: Buffer.alloc(253) }));
  const one = upstream([await server(accepts)]);
  expect(await whyNot(one.ask({ ...REQUEST, attributes }, Date.now() + 1000))).toMatch(/^REQUEST_INVALID/);
});

test('by name, also where the first address of the name does not answer; and one that is none', async () => {
  const well = await server(accepts);
  expect(await ask(upstream([{ host: 'localhost', port: well.port }]))).toMatchObject({ outcome: 'accept' });
  const unknown = { host: 'nobody.invalid', port: 1812 };
  expect(await ask(upstream([unknown, well]))).toMatchObject({ outcome: 'accept' });
  expect(await whyNot(ask(upstream([unknown])))).toMatch(/^RADIUS_UPSTREAM_UNAVAILABLE: .*nobody\.invalid/);
});

test.skipIf(!existsSync('/proc/net/if_inet6'))('over IPv6', async () => {
  expect(await ask(upstream([await server(accepts, '::1')]))).toMatchObject({ outcome: 'accept' });
});

test('of those that hang, so many sockets at a time, and the others hear of it', async () => {
  const hung = await server(silent);
  const one = upstream([hung], { timeoutSeconds: 1 });
  const answers = await Promise.all(Array.from({ length: 1400 }, () => whyNot(ask(one, 800))));
  expect(answers.every((answer) => answer.startsWith('RADIUS_UPSTREAM_UNAVAILABLE'))).toBe(true);
  expect(answers.filter((answer) => answer.includes('too many')).length).toBeGreaterThan(0);
  expect(hung.heard.length).toBe(256);
});

test('the doctor: who answers Status-Server, who answered a login of late, and what is wrong with the answer', async () => {
  let at = Date.now();
  const ofLogins: Answer = (packet) => (packet.code === CODE.accessRequest ? [signed(CODE.accessAccept, packet)] : []);
  const wrongSecret: Answer = (packet) => [signed(CODE.accessAccept, packet, Buffer.from('another secret!!'))];
  const servers = [await server(accepts), await server(ofLogins), await server(wrongSecret)];
  const one = upstream(servers, {}, { now: () => at });
  const checked = async () => (await one.checkServers(400)).map(({ ok, problem }) => (ok ? 'ok' : problem));
  expect(await checked()).toEqual(['ok', expect.stringContaining('in time'), expect.stringContaining('this secret')]);
  const nps = upstream([servers[1]!], {}, { now: () => at });
  await nps.ask(REQUEST, at + 1000);
  expect((await nps.checkServers(400)).map(({ ok }) => ok)).toEqual([true]);
  at += 300_001;
  expect((await nps.checkServers(400)).map(({ ok }) => ok)).toEqual([false]);
});
