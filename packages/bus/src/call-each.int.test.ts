import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MfaError } from '@countersign/contracts';
import { silentLogger } from '@countersign/telemetry';
import { startNats, type NatsServer } from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { callEach } from './call-each.ts';
import { connectBus, type Bus } from './connection.ts';
import { echo } from './replica.fixture.ts';
import { endpoint, serve, type Serving } from './serve.ts';

let nats: NatsServer;
let bus: Bus;
const folder = mkdtempSync(join(tmpdir(), 'call-each-'));
const servings: Serving[] = [];

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
  bus = await connectBus({ servers: [nats.url], name: 'test' });
});
afterEach(async () => {
  for (const serving of servings.splice(0)) await serving.drain();
});
afterAll(async () => {
  await bus.drain();
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function replica(name: string, answerAfterMs: number | 'never' | 'refuses', queue = name): Promise<void> {
  servings.push(
    await serve(
      bus,
      [
        endpoint(echo, async ({ text }, { attemptId }) => {
          if (answerAfterMs === 'refuses') throw new MfaError('FORBIDDEN');
          await delay(answerAfterMs === 'never' ? 8000 : answerAfterMs);
          return { text, attemptId, runs: 1 };
        }),
      ],
      { queue, replica: name, maxInFlight: 9, logger: silentLogger(), drainMs: 10 },
    ),
  );
}

const askAll = (deadlineMs = 5000) => callEach(bus, echo, { text: 'hello' }, { attemptId: 'a', deadlineMs });

test('every replica with a queue group of its own is heard, a slow one too', async () => {
  await replica('app-1', 0);
  await replica('app-2', 1800);
  await replica('app-3', 'refuses');
  const answers = await askAll();
  expect(answers.map(({ replica: name }) => name)).toEqual(['app-1', 'app-2', 'app-3']);
  expect(answers[1]).toMatchObject({ output: { text: 'hello' } });
  expect(answers[2]).toMatchObject({ error: { code: 'FORBIDDEN' } });
});

test('one that began and does not end is named, at the deadline', async () => {
  await replica('app-1', 0);
  await replica('app-2', 'never');
  expect(await askAll(2000)).toMatchObject([
    { replica: 'app-1', output: {} },
    { replica: 'app-2', error: { code: 'UNAVAILABLE' } },
  ]);
});

test('an endpoint may have a queue group of its own among others that share one', async () => {
  for (const name of ['app-1', 'app-2']) {
    const answer = endpoint(echo, ({ text }, { attemptId }) => Promise.resolve({ text, attemptId, runs: 1 }), {
      queue: `app-server.${name}`,
    });
    servings.push(
      await serve(bus, [answer], { queue: 'app-server', replica: name, maxInFlight: 9, logger: silentLogger() }),
    );
  }
  expect((await askAll()).map(({ replica: name }) => name)).toEqual(['app-1', 'app-2']);
});

test('members of one queue group answer once between them', async () => {
  await replica('app-1', 0, 'app-server');
  await replica('app-2', 0, 'app-server');
  expect(await askAll()).toHaveLength(1);
});

test('who answers something else, or under the name of another, is seen and hides nobody', async () => {
  await replica('app-1', 0);
  await replica('app-2', 0);
  const output = { text: 'forged', attemptId: 'a', runs: 1 };
  const liar = bus.nats.subscribe(echo.subject, {
    callback: (_error, message) => {
      message.respond(JSON.stringify({ replica: 'app-3', output: { text: 7 } }));
      message.respond(JSON.stringify({ replica: 'app-2', output }));
      message.respond(JSON.stringify({ replica: 'app-4', output: null }));
    },
  });
  const answers = await askAll();
  liar.unsubscribe();
  expect(answers).toMatchObject([
    { replica: 'app-1', output: { text: 'hello' } },
    { replica: 'app-2', error: { code: 'INTERNAL' } },
    { replica: 'app-3', error: { code: 'INTERNAL' } },
    { replica: 'app-4', error: { code: 'INTERNAL' } },
  ]);
});

test('nobody there: an empty list, and at once', async () => {
  const startedAt = performance.now();
  expect(await askAll()).toEqual([]);
  // Had nobody said that there is nobody, the first sign of a replica would have been waited for: 1 s.
  expect(performance.now() - startedAt).toBeLessThan(950);
});
