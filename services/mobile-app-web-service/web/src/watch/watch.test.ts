import { expect, test } from 'vitest';
import type { KeyPair } from '@countersign/device-protocol';
import { remove, type Phone } from '../phone.ts';
import { DEVICE, give, NOW, pair, PROMPT, promptsFor, refuse, SERVER, type Seen } from '../protocol/server.fixture.ts';
import { memoryStore } from '../store/memory.fixture.ts';
import { watch } from './watch.ts';

const unknown = refuse(401, 'DEVICE_UNKNOWN');

/** A phone that watches until so many pauses are over, with how long they were. */
async function watched(pauses: number, ...replies: Parameters<typeof pair>) {
  const { outside, device, serverKey, seen } = await pair(...replies);
  const account = { ...device, organisation: 'Daugava', user: 'anna', label: 'Phone', addedAtMs: NOW, isGone: false };
  const store = memoryStore(account);
  const controller = new AbortController();
  const paused: number[] = [];
  const pause = async (ms: number) => {
    paused.push(ms);
    if (paused.length === pauses) controller.abort();
  };
  const phone: Phone = { store, outside, pause, server: SERVER };
  return { phone, store, account, paused, serverKey, seen, run: () => watch(phone, DEVICE, controller.signal) };
}

test('one answer that nobody signed silences no phone: it asks again, and shows what waits then', async () => {
  let serverKey: KeyPair | undefined;
  const prompts = async (seen: Seen) => Response.json({ prompts: await promptsFor(seen, serverKey!), keySets: [] });
  const made = await watched(2, unknown, prompts);
  serverKey = made.serverKey;
  await made.run();
  expect(made.seen).toHaveLength(2);
  expect((await made.store.waiting(DEVICE))?.prompts).toEqual([PROMPT]);
  expect(made.store.accounts.get(DEVICE)).toEqual(made.account);
});

test('a server that goes on saying so is asked ever more seldom, once an hour at last, and the key stays', async () => {
  const { run, paused, store, account } = await watched(12, unknown);
  await run();
  expect(paused[0]).toBeGreaterThanOrEqual(30_000);
  expect(paused.at(-1)).toBeGreaterThanOrEqual(1_800_000);
  expect(Math.max(...paused)).toBeLessThanOrEqual(3_600_000);
  expect(store.accounts.get(DEVICE)).toEqual({ ...account, isGone: true });
});

test('an account that its server does not know is removed by the person, at the server as well', async () => {
  const { phone, store, seen, run } = await watched(1, unknown, give({ deviceId: DEVICE }));
  await run();
  expect(store.accounts.get(DEVICE)?.isGone).toBe(true);
  await remove(phone, DEVICE);
  expect(seen.map(({ path }) => path)).toEqual(['/v1/device/poll', '/v1/device/remove']);
  expect(store.accounts.size).toBe(0);
});
