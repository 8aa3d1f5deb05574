import type { Bus } from '@countersign/bus';
import { radiusClients } from '@countersign/contracts';
import { noTracing } from '@countersign/telemetry';
import { expect, test } from 'vitest';
import { askFrom } from './ask-app-server.ts';

/** Writes at the end of the turn in which the first of them is published, as the client of NATS does. */
function busThatWrites(): { bus: Bus; writes: number[] } {
  const writes: number[] = [];
  let pending = 0;
  const publish = () => {
    pending += 1;
    if (pending > 1) return;
    queueMicrotask(() => {
      writes.push(pending);
      pending = 0;
    });
  };
  const replies = { open: () => ({ subject: 'answers', close: () => undefined }) };
  const bus = { nats: { publish }, replies, connected: true, clock: { aheadMs: 0 }, tracing: noTracing };
  return { bus: bus as unknown as Bus, writes };
}

test('what packets of one turn ask for is written at once', async () => {
  const { bus, writes } = busThatWrites();
  const ask = askFrom(bus, { applicationKeyId: 'key', secret: 'secret' } as never);
  const giveUp = new AbortController();
  const options = { attemptId: 'attempt', deadlineMs: 1000, signal: giveUp.signal };
  const asked: Promise<unknown>[] = [];
  for (let packet = 0; packet < 3; packet += 1) {
    asked.push(ask(radiusClients, {}, options));
    // As after each event of a socket: whatever was to be done at its end is done.
    for (let turns = 0; turns < 20; turns += 1) await Promise.resolve();
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(writes).toEqual([3]);
  giveUp.abort();
  await Promise.allSettled(asked);
});
