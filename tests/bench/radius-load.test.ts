import { join } from 'node:path';
import { freePort, prepareProcess, type RunningProcess } from '@countersign/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCallers, type Callers } from './radius-load.ts';

const SECRET = 'a-secret-of-the-bench';
let server: RunningProcess;
let callers: Callers;
let port: number;

beforeAll(async () => {
  port = await freePort();
  server = prepareProcess({
    name: 'radius-server',
    command: process.execPath,
    args: ['--conditions=source', join(import.meta.dirname, 'radius-from-memory.ts')],
    env: { RADIUS_PORT: String(port), RADIUS_SECRET: SECRET, RADIUS_WHOLE: '1' },
    readyWhen: () => server.tail().includes('radius.listening'),
  });
  await server.start();
  callers = await startCallers({ secret: SECRET });
});
afterAll(async () => {
  await callers.stop();
  await server.kill();
});

test('logins of the bench are answered by what it runs as our edge alone, and every answer is proved', async () => {
  const pace = { callers: 4 };
  const { completed, failures } = await callers.run({
    port,
    login: 'password',
    pace,
    seconds: 1,
    first: 0,
    users: 100,
  });
  expect(completed).toBeGreaterThan(10);
  expect(failures).toEqual({});
});

test('logins that wait are answered once each', async () => {
  const held = await callers.hold({ port, first: 0, users: 20, perSecond: 100, everyMs: 100, patienceMs: 500 });
  expect(held).toMatchObject({ opened: 20, accepted: 20, unanswered: 0, answeredTwice: 0 });
});
