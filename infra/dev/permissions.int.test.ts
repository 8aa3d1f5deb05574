import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBus, type Bus } from '@countersign/bus';
import { EDGE_ANSWERS, edgeStatus } from '@countersign/contracts';
import { freePort, startNats, waitUntil, type NatsServer } from '@countersign/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevNats } from './engines.ts';
import { CHECKOUT, layout } from './layout.ts';
import { GATEWAYS, openSecrets, type NatsUserName, type Secrets } from './secrets.ts';

const dir = mkdtempSync(join(tmpdir(), 'permissions-'));
let nats: NatsServer;
let secrets: Secrets;
beforeAll(async () => {
  secrets = openSecrets(dir).content;
  const here = layout({ COUNTERSIGN_DEV_DIR: dir });
  const onCrash = () => undefined;
  nats = await startDevNats({ ...here, ports: { ...here.ports, nats: await freePort() } }, secrets, onCrash);
});
afterAll(async () => {
  await nats.kill();
  rmSync(dir, { recursive: true });
});

/** What the server answers to one line of the client protocol: `permitted`, or why not. */
function tryOut(user: NatsUserName | 'nobody', line: string): Promise<string> {
  return ask(nats.port, user, user === 'nobody' ? 'x' : secrets.natsPasswords[user], line);
}

function ask(port: number, user: string, pass: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let heard = '';
    socket.setTimeout(5000, () => reject(new Error(`no answer to ${line}`)));
    socket.once('error', reject);
    socket.setEncoding('utf8').on('data', (text: string) => {
      if (text.startsWith('INFO')) {
        socket.write(`CONNECT ${JSON.stringify({ verbose: false, user, pass })}\r\n${line}\r\nPING\r\n`);
        return;
      }
      heard += text;
      // A subscriber may hear its own line come back as MSG; what matters comes before or with PONG.
      if (!heard.includes('PONG') && !heard.includes('-ERR')) return;
      socket.destroy();
      resolve(/-ERR '([A-Za-z]+ Violation)/.exec(heard)?.[1] ?? 'permitted');
    });
  });
}

const publish = (subject: string) => `PUB ${subject} 2\r\n{}`;
const subscribe = (subject: string) => `SUB ${subject} 1`;

describe('an edge may ask, hear its own answers, and nothing else (ADR: edges hold nothing)', () => {
  test.each(['mfa.v1.challenge.start', 'mfa.v1.user.find', 'mfa.v1.authenticator.enrol', 'mfa.v1.keys.jwks'])(
    'sdk-gateway asks %s',
    async (subject) => expect(await tryOut('sdk-gateway-1', publish(subject))).toBe('permitted'),
  );

  test.each([
    'auth.1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11',
    'trail.user',
    'dispatch.sms',
    'limits.x',
    'wake.x',
    'peers.ledger.tell',
    '$JS.API.STREAM.INFO.AUTH',
    '$JS.API.DIRECT.GET.AUTH.auth.x',
    '$JS.ACK.DISPATCH.senders-sms.1.1.1.1.1',
    'mfa.v1.application.create',
    'mfa.v1.policy.set',
    'mfa.v1.keys.rotate',
    'mfa.v1.user.bypass',
    'mfa.v1.user.anything',
    '_INBOX.app-server.x',
    '_INBOX.admin.x',
    'mfa.v1.edge.status',
  ])('sdk-gateway may not publish on %s', async (subject) => {
    expect(await tryOut('sdk-gateway-1', publish(subject))).toBe('Permissions Violation');
  });

  test.each([
    '>',
    'mfa.v1.>',
    'mfa.v1.cluster.status',
    'auth.>',
    'wake.*',
    '_INBOX.>',
    '_INBOX.*.>',
    '_INBOX.app-server.>',
    '_INBOX.admin.>',
    '_INBOX.sdk-gateway.>',
    '_INBOX.sdk-gateway-2.>',
  ])('sdk-gateway-1 may not hear %s', async (subject) =>
    expect(await tryOut('sdk-gateway-1', subscribe(subject))).toBe('Permissions Violation'),
  );

  test('a gateway whose own inbox was not named hears no answer at all', async () => {
    const file = readFileSync(join(CHECKOUT, 'infra/nats/sdk-gateway.conf'), 'utf8');
    const users = [{ user: 'forgotten', password: 'x', permissions: `{\n${file}\n}` }];
    const server = await startNats({ storeDir: join(dir, 'forgotten'), users });
    try {
      for (const subject of ['_INBOX.forgotten.abc.*', '_INBOX.sdk-gateway-1.abc.*', '_INBOX.>']) {
        expect(await ask(server.port, 'forgotten', 'x', subscribe(subject))).toBe('Permissions Violation');
      }
    } finally {
      await server.kill();
    }
  });

  test.each(GATEWAYS)('%s hears its own inbox', async (name) => {
    expect(await tryOut(name, subscribe(`_INBOX.${name}.abc.*`))).toBe('permitted');
    expect(await tryOut(name, subscribe('mfa.v1.edge.status sdk-gateway'))).toBe('permitted');
  });
});

/** What JetStream says about a stream like that of the ledger. */
async function streamApi(bus: Bus, verb: 'CREATE' | 'INFO' | 'DELETE', body?: object): Promise<unknown> {
  return (await bus.nats.request(`$JS.API.STREAM.${verb}.AUTH`, body === undefined ? '' : JSON.stringify(body))).json();
}

test('an edge answers an administrator who asks how it is, in its own place: never into an inbox or the ledger', async () => {
  const connectAs = (user: NatsUserName) =>
    connectBus({
      servers: [`127.0.0.1:${nats.port}`],
      user,
      password: secrets.natsPasswords[user],
      name: user,
    });
  const [admin, edge, owner] = await Promise.all([
    connectAs('admin'),
    connectAs('sdk-gateway-1'),
    connectAs('app-server'),
  ]);
  const places = ['auth.1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11', '_INBOX.admin.x', `${EDGE_ANSWERS}.x`];
  try {
    await streamApi(owner, 'CREATE', { name: 'AUTH', subjects: ['auth.*'] });
    const heard: string[] = [];
    for (const subject of places.slice(1)) {
      admin.nats.subscribe(subject, { callback: (_error, message) => void heard.push(message.subject) });
    }
    edge.nats.subscribe(edgeStatus.subject, { callback: (_error, message) => void message.respond('well') });
    await Promise.all([admin.nats.flush(), edge.nats.flush()]);
    for (const reply of places) admin.nats.publish(edgeStatus.subject, '', { reply });
    await waitUntil(() => heard.includes(`${EDGE_ANSWERS}.x`), { what: 'the answer' });
    expect(heard).toEqual([`${EDGE_ANSWERS}.x`]);
    expect(await streamApi(owner, 'INFO')).toMatchObject({ state: { messages: 0 } });
  } finally {
    await Promise.all([admin.drain(), edge.drain(), owner.drain()]);
  }
});

test.each([
  ['permitted', 'admin', publish('mfa.v1.policy.set')],
  ['permitted', 'admin', subscribe('_INBOX.admin.abc.*')],
  ['Permissions Violation', 'admin', publish('auth.x')],
  ['Permissions Violation', 'admin', publish('$JS.API.STREAM.DELETE.AUTH')],
  ['Permissions Violation', 'admin', subscribe('mfa.v1.>')],
  ['permitted', 'app-server', publish('auth.x')],
  ['permitted', 'app-server', publish('_INBOX.sdk-gateway-1.abc.1')],
  ['permitted', 'app-server', subscribe('mfa.v1.challenge.start app-server')],
  ['permitted', 'app-server', subscribe('$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.DISPATCH.senders-sms dispatch')],
  ['Permissions Violation', 'app-server', publish('mfa.v1.challenge.start')],
  ['Permissions Violation', 'app-server', subscribe('auth.>')],
  ['Permissions Violation', 'app-server', subscribe('_INBOX.sdk-gateway-1.>')],
  ['Authorization Violation', 'nobody', publish('mfa.v1.challenge.start')],
] as const)('%s: %s, %s', async (outcome, user, line) => expect(await tryOut(user, line)).toBe(outcome));
