import { MfaError, type RadiusClient } from '@countersign/contracts';
import { silentLogger } from '@countersign/telemetry';
import { afterEach, expect, test } from 'vitest';
import { someClient } from './client.fixture.ts';
import { createClients, type Clients } from './clients.ts';

const learning = someClient({ requireMessageAuthenticator: 'auto' });
const { clientId } = learning;
let clients: Clients;
afterEach(() => clients.stop());

function started() {
  const state: {
    uptime: number;
    connected: boolean;
    version: string;
    list: RadiusClient[];
    error?: Error;
    asked: (string | undefined)[];
  } = {
    uptime: 0,
    connected: true,
    version: '1',
    list: [learning],
    asked: [],
  };
  clients = createClients({
    ask: ({ version }) => {
      state.asked.push(version);
      if (state.error !== undefined) return Promise.reject(state.error);
      return Promise.resolve({ version: state.version, ...(version !== state.version && { clients: state.list }) });
    },
    isConnected: () => state.connected,
    logger: silentLogger(),
    uptime: () => state.uptime,
  });
  /** As if so much time had gone by, and it was asked again. */
  const later = async (ms: number) => {
    state.uptime += ms;
    return clients.isAnswered();
  };
  const requires = () => clients.table?.byAddress('127.0.0.1')?.requireMessageAuthenticator;
  return { state, later, requires };
}

test('nobody is known before the first answer; then the list is kept, whoever is away, and asked for by its version', async () => {
  const { state, later, requires } = started();
  state.error = new MfaError('UNAVAILABLE');
  expect(await later(0)).toBe(false);
  expect(clients.table).toBeUndefined();
  delete state.error;
  expect(await later(0)).toBe(true);
  expect(requires()).toBe('auto');
  state.error = new MfaError('UNAVAILABLE');
  expect(await later(6000)).toBe(false);
  expect(requires()).toBe('auto');
  expect(clients.ageMs).toBe(6000);
  delete state.error;
  expect(await later(0)).toBe(true);
  expect(state.asked).toEqual([undefined, undefined, '1', '1']);
});

test('an answer of the last 5 s will do to say that it works (RAD-70)', async () => {
  const { state, later } = started();
  await later(0);
  state.error = new MfaError('UNAVAILABLE');
  expect(await later(5000)).toBe(true);
  expect(await later(1)).toBe(false);
});

test('an answer of just now says nothing when there is no way to ask any more (RAD-70)', async () => {
  const { state, later } = started();
  await later(0);
  state.connected = false;
  expect(await later(1)).toBe(false);
});

test('a client that vanished is unknown at once', async () => {
  const { state, later, requires } = started();
  await later(0);
  state.version = '2';
  state.list = [];
  await later(6000);
  expect(requires()).toBeUndefined();
});

test('what was learnt counts here at once, until app-server has it, and somebody puts it back (RAD-32)', async () => {
  const { state, later, requires } = started();
  await later(0);
  clients.learn(clientId);
  expect(requires()).toBe('yes');
  // A list from before.
  state.version = '2';
  await later(20_000);
  expect(requires()).toBe('yes');
  clients.confirmLearnt([clientId]);
  // Of an app-server that has not heard of it yet.
  state.version = '3';
  await later(6000);
  expect(requires()).toBe('yes');
  state.version = '4';
  await later(6000);
  expect(requires()).toBe('auto');
});
