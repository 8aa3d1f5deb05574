import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startFakeCarrier, type FakeCarrier } from '../testing/fake-carrier.ts';
import type { Carrier, OutgoingMessage } from './carrier.ts';
import { exchange } from './exchange.ts';
import { createHttpCarrier } from './http.ts';
import { createInboxCarrier } from './inbox.ts';
import { createGenericCarrier, createTwilioCarrier } from './presets.ts';

const limits = { connectTimeoutMs: 300, timeoutMs: 600, allowPrivateAddresses: false };
const message: OutgoingMessage = {
  to: '+37120000012',
  text: '049203 is your code for Caf\u00e9 & Co.\n@portal.example.com #049203',
  reference: 'ref-1',
  lifeSeconds: 299,
  idempotencyKey: 'idem-1',
};
const credentials = { user: 'AC1', password: 'auth-token', token: 'bearer-token' };

let fake: FakeCarrier;
beforeAll(async () => {
  fake = await startFakeCarrier(credentials);
});
afterAll(() => fake.stop());
beforeEach(() => {
  fake.behave('accept');
  fake.taken.length = 0;
  fake.requests.length = 0;
});

const adapters: Record<string, () => Carrier> = {
  twilio: () =>
    createTwilioCarrier(
      'main',
      {
        accountSid: 'AC1',
        authToken: 'auth-token',
        from: '+37127000000',
        url: fake.url,
        statusCallbackUrl: 'https://mfa.example.com/v1/carriers/main/status',
      },
      limits,
    ),
  generic: () => createGenericCarrier('main', { url: `${fake.url}/send`, token: 'bearer-token', from: 'ACME' }, limits),
  inbox: () => createInboxCarrier('main', { url: `${fake.url}/api/messages`, token: 'bearer-token' }, limits),
  http: () =>
    createHttpCarrier({
      name: 'main',
      method: 'PUT',
      url: `${fake.url}/send/{{reference}}?key={{idempotencyKey}}`,
      headers: { Authorization: 'Bearer {{secret.token}}' },
      body: {
        json: { to: '{{to}}', text: '{{text}}', lifeSeconds: '{{lifeSeconds}}', parts: [{ ref: '{{reference}}' }] },
      },
      secrets: { token: 'bearer-token' },
      success: { path: 'status', values: ['accepted'] },
      providerIdPath: 'id',
      reasonPath: 'code',
      unknownStatuses: [502, 504],
      limits,
    }),
};

describe.each(Object.entries(adapters))('TEL-10: the contract of a carrier, %s', (name, make) => {
  test('a message arrives whole, and is accepted with the id of the carrier', async () => {
    const outcome = await make().send(message);
    expect(outcome).toEqual({ outcome: 'accepted', providerId: expect.stringMatching(/^(SM|m)[0-9]+$/) });
    expect(fake.taken).toHaveLength(1);
    expect(fake.taken[0]).toMatchObject({ to: message.to, text: message.text });
    if (name !== 'inbox') expect(fake.taken[0]?.lifeSeconds).toBe(299);
  });

  test.each([
    [500, 'refused', true],
    [503, 'refused', true],
    [429, 'refused', true],
    [401, 'refused', true],
    [302, 'refused', true],
    [400, 'refused', false],
    [422, 'refused', false],
  ] as const)(
    'status %i is a definite no (%s, retriable %s), in words without the answer',
    async (status, outcome, retriable) => {
      fake.behave(status);
      const result = await make().send(message);
      expect(result).toMatchObject({ outcome, retriable });
      expect(JSON.stringify(result)).toMatch(/"reason":"http_\d{3}(_\d{5})?"/);
      expect(fake.requests).toHaveLength(1);
    },
  );

  test('nobody listens: refused, and may be retried', async () => {
    await fake.stop();
    try {
      expect(await make().send(message)).toEqual({ outcome: 'refused', retriable: true, reason: 'econnrefused' });
    } finally {
      await fake.start();
    }
  });

  test.each([
    ['hang', 'timeout'],
    ['die', 'econnreset'],
    ['acceptAndDie', 'econnreset'],
  ] as const)('%s: nobody knows, so unknown', async (behaviour, reason) => {
    fake.behave(behaviour);
    expect(await make().send(message)).toEqual({ outcome: 'unknown', reason });
  });

  test('a proxy that lost the gateway says nothing about the message', async () => {
    if (name === 'inbox') return;
    fake.behave(504);
    expect(await make().send(message)).toEqual({ outcome: 'unknown', reason: 'http_504' });
  });

  test('an answer that breaks off after its status has said yes, unless the rule needs its body', async () => {
    fake.behave('acceptAndCut');
    const outcome = await make().send(message);
    expect(outcome).toEqual(
      name === 'http' ? { outcome: 'unknown', reason: 'answer_unreadable' } : { outcome: 'accepted' },
    );
  });
});

describe('the request of each preset', () => {
  test('twilio: form, Basic, callback with our reference', async () => {
    await adapters['twilio']?.().send(message);
    expect(fake.requests[0]).toMatchObject({ method: 'POST', path: '/2010-04-01/Accounts/AC1/Messages.json' });
    expect(fake.taken[0]).toMatchObject({
      from: '+37127000000',
      statusCallback: 'https://mfa.example.com/v1/carriers/main/status?reference=ref-1',
    });
    await createTwilioCarrier(
      'main',
      {
        accountSid: 'AC2',
        authToken: 'x',
        apiKey: { sid: 'AC1', secret: 'auth-token' },
        from: `MG${'a'.repeat(32)}`,
        url: fake.url,
      },
      limits,
    ).send(message);
    expect(fake.requests[1]?.path).toBe('/2010-04-01/Accounts/AC2/Messages.json');
    expect(fake.taken[1]?.from).toBe(`MG${'a'.repeat(32)}`);
    expect(fake.requests[1]?.body).not.toContain('From=');
  });

  test('generic: JSON, Bearer, the key of idempotency', async () => {
    await adapters['generic']?.().send(message);
    expect(fake.taken[0]).toMatchObject({
      reference: 'ref-1',
      lifeSeconds: 299,
      from: 'ACME',
      idempotencyKey: 'idem-1',
    });
  });

  test('http: placeholders where they stand, percent-encoded in the address', async () => {
    await adapters['http']?.().send({ ...message, reference: 'a/b?c', idempotencyKey: 'x&y' });
    expect(fake.requests[0]).toMatchObject({ method: 'PUT', path: '/send/a%2Fb%3Fc?key=x%26y' });
    expect(fake.requests[0]?.headers.authorization).toBe('Bearer bearer-token');
  });

  test('http: an answer that says no in its body is a definite no', async () => {
    fake.behave('no');
    expect(await adapters['http']?.().send(message)).toEqual({
      outcome: 'refused',
      retriable: false,
      reason: 'answer_NO_ROUTE',
    });
  });

  test('a text that asks for a secret gets none', async () => {
    await adapters['generic']?.().send({ ...message, text: 'Name {{secret.token}} {{to}}' });
    expect(fake.taken[0]?.text).toBe('Name {{secret.token}} {{to}}');
  });

  test.each([
    [{ url: 'https://gateway.example/{{text}}' }, 'the url'],
    [{ url: 'https://{{reference}}.example/' }, 'host'],
    [{ url: 'https://gateway.example/{{secret.token}}' }, 'the url'],
    [{ headers: { 'x-text': '{{text}}' } }, 'the headers'],
    [{ body: { form: { a: '{{nmae}}' } } }, 'the body'],
  ])('a template that cannot be filled is found at the start: %j', (change, where) => {
    const make = () =>
      createHttpCarrier({
        name: 'main',
        method: 'POST',
        url: 'https://gateway.example/',
        headers: {},
        body: { form: {} },
        secrets: { token: 'x' },
        success: {},
        unknownStatuses: [],
        limits,
        ...change,
      });
    expect(make).toThrow(where);
  });
});

describe('TEL-14: where a request may go', () => {
  const post = (url: string, allowPrivateAddresses = false) =>
    exchange({ method: 'POST', url: new URL(url), headers: {}, body: 'x' }, { ...limits, allowPrivateAddresses });

  test('a redirect is not followed', async () => {
    const landed: string[] = [];
    const target = createServer((request, response) => {
      landed.push(request.url ?? '');
      response.end();
    }).listen(0, '127.0.0.1');
    await once(target, 'listening');
    const { port } = target.address() as AddressInfo;
    const gateway = createServer((_request, response) => {
      response.writeHead(307, { location: `http://127.0.0.1:${port}/` }).end();
    }).listen(0, '127.0.0.1');
    await once(gateway, 'listening');
    const result = await post(`http://127.0.0.1:${(gateway.address() as AddressInfo).port}/`);
    expect(result).toMatchObject({ end: 'answered', status: 307 });
    expect(landed).toEqual([]);
    target.close();
    gateway.close();
  });

  test.each([
    'http://10.0.0.1/',
    'http://169.254.169.254/',
    'http://192.168.1.1/',
    'http://[fd00::1]/',
    'http://[::ffff:10.0.0.1]/',
  ])('%s is not asked', async (url) => expect(await post(url)).toEqual({ end: 'notSent', reason: 'private_address' }));

  test('a name that leads to this machine is not asked, unless the name says so', async () => {
    const { hostname } = await import('node:os');
    const { lookup } = await import('node:dns/promises');
    const own = await lookup(hostname()).catch(() => undefined);
    const { port } = new URL(fake.url);
    expect(await post(`http://localhost:${port}/`)).toMatchObject({ end: 'answered' });
    if (own === undefined) return;
    expect(await post(`http://${hostname()}:${port}/`)).toEqual({ end: 'notSent', reason: 'private_address' });
  });

  test('a gateway that accepts a connection and speaks no TLS was not sent anything', async () => {
    const heard: Buffer[] = [];
    const server = createTcpServer((socket) => {
      socket.on('data', (data: Buffer) => heard.push(data));
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await post(`https://127.0.0.1:${port}/`)).toEqual({ end: 'notSent', reason: 'connect_timeout' });
    expect(Buffer.concat(heard).toString('latin1')).not.toContain('POST');
    server.close();
  });
});
