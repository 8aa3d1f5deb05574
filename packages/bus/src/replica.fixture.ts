/**
 * A replica in a process of its own, so that a test can kill or stop it. It answers with what it was asked and how
 * often it was asked.
 */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { MfaError, operation } from '@countersign/contracts';
import { createLogger } from '@countersign/telemetry';
import { Type } from 'typebox';
import { connectBus } from './connection.ts';
import { endpoint, serve } from './serve.ts';
import { watchStrain } from './strain.ts';

export const echo = operation('test.echo', {
  scope: 'none',
  changes: false,
  input: Type.Object(
    { text: Type.String(), workMs: Type.Optional(Type.Integer()), burnMs: Type.Optional(Type.Integer()) },
    { additionalProperties: false },
  ),
  output: Type.Object({ text: Type.String(), attemptId: Type.String(), runs: Type.Integer() }),
});

const TURNS = 5;

/** Urgent, and does nothing. */
export const end = operation('test.end', {
  scope: 'none',
  changes: false,
  urgent: true,
  input: Type.Object({}),
  output: Type.Object({}),
});

/** In turns, as work does that waits for something in between. */
async function burn(ms: number): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    await nextTurn();
    for (const until = performance.now() + ms / TURNS; performance.now() < until;);
  }
}

if (process.argv[1] === import.meta.filename) {
  const [, , url = '', replica = ''] = process.argv;
  const bus = await connectBus({ servers: [url], name: replica });
  let runs = 0;
  await serve(
    bus,
    [
      endpoint(end, () => Promise.resolve({})),
      endpoint(echo, async ({ text, workMs, burnMs = 0 }, { attemptId }) => {
        runs += 1;
        if (text === `never on ${replica}`) await delay(60_000);
        if (workMs !== undefined) await delay(workMs);
        await burn(burnMs);
        if (text === 'refuse') throw new MfaError('CODE_REJECTED');
        return { text, attemptId, runs };
      }),
    ],
    {
      queue: 'app-server',
      replica,
      maxInFlight: 1000,
      isStrained: watchStrain(bus.nats).isStrained,
      logger: createLogger({ service: 'test', replica }),
    },
  );
  process.stdout.write('ready\n');
}
