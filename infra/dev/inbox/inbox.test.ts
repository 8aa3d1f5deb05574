import { appendFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createInbox } from './server.ts';
import { addressOf, keepMessages, type Message } from './messages.ts';

const token = 'a-token-of-the-inbox';
const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((app) => app.close()));
});

function open(file?: string, host?: string) {
  let count = 0;
  const app = createInbox({
    token,
    now: () => Date.UTC(2026, 10, 23) + count * 1000,
    newId: () => `m${++count}`,
    ...(file !== undefined && { file }),
    ...(host !== undefined && { host }),
  });
  closing.push(app);
  const send = (message: object, authorization = `Bearer ${token}`) =>
    app.inject({
      method: 'POST',
      url: '/api/messages',
      headers: { host: 'localhost:8900', authorization },
      payload: message,
    });
  const read = async (query = '') => {
    const response = await app.inject({ url: `/api/messages${query}`, headers: { host: 'localhost:8900' } });
    return response.json<Message[]>();
  };
  return { app, send, read };
}

test('messages come back newest first, with id, channel, to, text and at', async () => {
  const { send, read } = open();
  await send({ channel: 'sms', to: '+37120000012', text: 'one', reference: 'r1' });
  await send({ channel: 'voice', to: '+37120000013', text: 'two' });
  expect(await read()).toEqual([
    { id: 'm2', channel: 'voice', to: '+37120000013', text: 'two', at: '2026-11-23T00:00:01.000Z' },
    { id: 'm1', channel: 'sms', to: '+37120000012', text: 'one', at: '2026-11-23T00:00:00.000Z', reference: 'r1' },
  ]);
});

test.each(['+37120000012', '%2B37120000012', ' 37120000012', '37120000012', '+371 2000-0012'])(
  'a number is found however the query spells it: %s',
  async (to) => {
    const { send, read } = open();
    await send({ channel: 'sms', to: '+37120000012', text: 'yes' });
    await send({ channel: 'sms', to: '+371200000123', text: 'no' });
    expect((await read(`?to=${to.replaceAll(' ', '+')}`)).map(({ text }) => text)).toEqual(['yes']);
    expect((await read(`?to=${to.replaceAll(' ', '%20')}`)).map(({ text }) => text)).toEqual(['yes']);
  },
);

test.each([
  ['+371 (200) 000-12', '+37120000012'],
  ['Alice@Example.com ', 'alice@example.com'],
  ['alice', 'alice'],
])('addresses are compared as %s → %s', (text, address) => expect(addressOf(text)).toBe(address));

test.each(['x', 'Bearer', 'Bearer wrong', `Basic ${token}`, `Bearer ${token}x`])(
  'nothing is taken without the token: "%s"',
  async (authorization) => {
    const { send, read } = open();
    expect((await send({ channel: 'sms', to: '+1', text: 'x' }, authorization)).statusCode).toBe(401);
    expect(await read()).toEqual([]);
  },
);

test('a malformed or oversized message is refused', async () => {
  const { send } = open();
  expect((await send({ to: '+1', text: 'x' })).statusCode).toBe(400);
  expect((await send({ channel: 'sms', to: '+1', text: 'x'.repeat(5000) })).statusCode).toBe(400);
  expect((await send({ channel: 'sms', to: '+1', text: 'x'.repeat(50_000) })).statusCode).toBe(413);
});

test('the page runs only its own script and style, and is not shown to other names (DNS rebinding)', async () => {
  const { app } = open();
  const page = await app.inject({ url: '/', headers: { host: 'localhost:8900' } });
  const policy = String(page.headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
  expect(page.body).not.toMatch(/<script>|<style>|style=|https?:\/\//);
  for (const file of ['/inbox.js', '/inbox.css']) {
    expect((await app.inject({ url: file, headers: { host: '127.0.0.1:8900' } })).statusCode).toBe(200);
  }
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.example:8900', '10.0.0.7:8900']) {
    expect((await app.inject({ url: '/api/messages', headers: { host } })).statusCode).toBe(403);
  }
});

test('an inbox that listens elsewhere is opened by that address as well', async () => {
  const { app } = open(undefined, '10.0.0.7');
  const asked = (host: string) => app.inject({ url: '/api/messages', headers: { host } });
  expect((await asked('10.0.0.7:8900')).statusCode).toBe(200);
  expect((await asked('10.0.0.8:8900')).statusCode).toBe(403);
});

test('the script writes text and never markup', () => {
  const script = readFileSync(join(import.meta.dirname, 'page', 'inbox.js'), 'utf8');
  expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/);
});

test('a page that follows hears each new message', async () => {
  const { app, send } = open();
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const response = await fetch(`${address}/api/messages/stream`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  await send({ channel: 'sms', to: '+1', text: 'line one\nline two' });
  const { value } = await reader.read();
  const data = /^data: (.*)$/m.exec(value ?? '')?.[1] ?? '';
  expect(JSON.parse(data)).toMatchObject({ to: '+1', text: 'line one\nline two' });
  await reader.cancel();
});

test('no more than the capacity is kept, and a file brings it back, also when its last line was cut off', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'inbox-')), 'messages.jsonl');
  const kept = keepMessages({ capacity: 3, file });
  for (let n = 1; n <= 20; n++) kept.add({ id: `${n}`, channel: 'sms', to: '+1', text: '', at: '' });
  expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThanOrEqual(8);
  appendFileSync(file, '{"id":"21","chan');
  const again = keepMessages({ capacity: 3, file });
  expect(again.find({ limit: 10 }).map(({ id }) => id)).toEqual(['20', '19', '18']);
  expect(again.find({ limit: 2 }).map(({ id }) => id)).toEqual(['20', '19']);
});
