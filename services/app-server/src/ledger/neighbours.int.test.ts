import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startNats, type NatsServer } from '@countersign/testkit';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Decision } from '../challenge/decide.ts';
import type { UserState } from '../challenge/state.ts';
import { LedgerContinuity } from './continuity.ts';
import { jetStreamLog } from './jetstream-log.ts';
import { Ledger } from './ledger.ts';
import { ensureLedgerStream, UNDIVIDED } from './partition.ts';
import { readState, STATE_FORMS, storedState, type Settled } from './state-form.ts';
import { WITH_NEXT_FORM } from './testing/next-form.ts';

/** The releases of two app-servers that run side by side. The newer knows one form more. */
const [BEFORE, NEXT] = [7, 8];

const folder = mkdtempSync(join(tmpdir(), 'neighbours-'));
let nats: NatsServer;
let connection: NatsConnection;
let older: Ledger;
let newer: Ledger;
/** A second one of the newer release, which has not heard what became of the upgrade. */
let unaware: Ledger;
let settled: Settled;
let unawareOf: Settled;
let projected: object | undefined;

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  connection = await connect({ servers: nats.url });
  const manager = await jetstreamManager(connection);
  await ensureLedgerStream(manager, UNDIVIDED, 1);
  const ledgerOf = (forms: typeof STATE_FORMS, on: () => Settled) => {
    const heard: Settled = {
      get number() {
        return on().number;
      },
      hear: (release) => on().hear(release),
    };
    const continuity = new LedgerContinuity({ now: Date.now, uptime: () => performance.now(), onLoss: () => {} });
    continuity.check(0, 0, Infinity);
    return new Ledger({
      log: jetStreamLog(jetstream(connection), manager, UNDIVIDED, heard, forms),
      continuity,
      projected: () =>
        Promise.resolve().then(() => (projected === undefined ? undefined : readState(projected, heard, forms))),
      replica: 'test',
      now: Date.now,
      random: Math.random,
      sleep: (ms) => sleep(ms),
    });
  };
  older = ledgerOf(STATE_FORMS, () => settled);
  newer = ledgerOf(WITH_NEXT_FORM, () => settled);
  unaware = ledgerOf(WITH_NEXT_FORM, () => unawareOf);
});
beforeEach(() => {
  settled = settledOn(BEFORE);
  unawareOf = settledOn(BEFORE);
  projected = undefined;
});
afterAll(async () => {
  await connection.close();
  await nats.kill();
  rmSync(folder, { recursive: true, force: true });
});

function settledOn(first: number): Settled {
  let number = first;
  return {
    get number() {
      return number;
    },
    hear: (release) => (number = Math.max(number, release)),
  };
}

let attempts = 0;
function act(ledger: Ledger, userId: string, decide: (state: UserState) => Decision): Promise<{ state: UserState }> {
  return ledger.act(userId, `attempt ${(attempts += 1)}`, decide, { deadline: Date.now() + 5000 });
}

/** Of each before it, what the next one decides on. */
const block =
  (by: string) =>
  (state: UserState): Decision => ({
    append: { type: 'user.blocked', reason: `${state.blocked?.reason ?? ''}${by}`, by },
  });

async function versionOf(userId: string): Promise<unknown> {
  const manager = await jetstreamManager(connection);
  const message = await manager.streams.getMessage(UNDIVIDED.stream, { last_by_subj: `auth.${userId}` });
  return message?.json<{ state: { version: unknown } }>().state.version;
}

test('until the upgrade is finalized each decides on what the other recorded', async () => {
  const userId = crypto.randomUUID();
  for (const [ledger, by] of [
    [older, 'a'],
    [newer, 'b'],
    [older, 'c'],
    [newer, 'd'],
  ] as const)
    await act(ledger, userId, block(by));
  expect((await older.peek(userId)).blocked?.reason).toBe('abcd');
  expect(await newer.peek(userId)).toEqual(await older.peek(userId));
  expect(await versionOf(userId)).toBe(STATE_FORMS.at(-1)?.version);
});

test('after it the older one decides nothing on what it cannot read, and the newer one goes on', async () => {
  const userId = crypto.randomUUID();
  await act(older, userId, block('a'));
  settled = settledOn(NEXT);
  await act(newer, userId, block('b'));
  expect(await versionOf(userId)).toBe(WITH_NEXT_FORM.at(-1)?.version);
  const decide = () => {
    throw new Error('decided');
  };
  await expect(act(older, userId, decide)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(older.peek(userId)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect((await act(newer, userId, block('c'))).state.blocked?.reason).toBe('abc');
});

test('nor on what the newer one had projected of a user whose subject is empty', async () => {
  const { state } = await act(newer, crypto.randomUUID(), block('a'));
  projected = storedState(state, { number: NEXT }, WITH_NEXT_FORM);
  const userId = crypto.randomUUID();
  await expect(act(older, userId, block('b'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect((await act(newer, userId, block('b'))).state.blocked?.reason).toBe('ab');
});

test('one that has not heard of it hears by what it reads, and takes nothing back into the form before', async () => {
  const userId = crypto.randomUUID();
  settled = settledOn(NEXT);
  await act(newer, userId, block('a'));
  await act(unaware, userId, block('b'));
  expect(await versionOf(userId)).toBe(WITH_NEXT_FORM.at(-1)?.version);
  expect(unawareOf.number).toBe(NEXT);
});
