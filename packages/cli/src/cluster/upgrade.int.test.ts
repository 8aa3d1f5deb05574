import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterFinalize, clusterStatus, MfaError, type OutputOf } from '@countersign/contracts';
import { startNats, type NatsServer } from '@countersign/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { openConnection } from '../connection.ts';
import { EXIT } from '../exit-codes.ts';
import { run } from '../run.ts';
import { ADMIN_KEY, standIn, type StandIn } from '../testing/stand-in.ts';
import { recordedTerminal } from '../testing/terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'cli-upgrade-'));
let nats: NatsServer;
let replicas: StandIn[] = [];

beforeAll(async () => {
  nats = await startNats({ storeDir: folder });
});
afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  replicas = [];
});
afterAll(async () => {
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function replica(name: string, view: Partial<OutputOf<typeof clusterStatus>>): Promise<StandIn> {
  const made = await standIn(nats.url, name, `app-server.${name}`);
  replicas.push(made);
  await made.on(clusterStatus, () => ({
    replica: name,
    version: '0.1.0',
    node: '26.10.0',
    startedAt: '2026-11-23T09:30:00.000Z',
    server: 'nats-1',
    takesWork: true,
    postgres: [],
    streams: [],
    ...view,
  }));
  return made;
}

async function countersign(words: string) {
  const terminal = recordedTerminal({});
  const code = await run(words.split(' '), {
    terminal,
    settings: () => ({ servers: [nats.url], adminKey: ADMIN_KEY, source: 'the test' }),
    connect: openConnection,
    now: Date.now,
    signal: new AbortController().signal,
  });
  return { code, out: terminal.out, err: terminal.err };
}

test('cluster status says where an upgrade stands, and nothing of it when none is under way', async () => {
  await replica('app-server-1', {});
  const next = { version: '0.2.0', release: 2, settledRelease: 1 };
  await replica('app-server-2', next);
  const during = await countersign('cluster status');
  expect(during.out).toContain('Two versions are at work');
  expect(during.out).not.toContain('finalize');

  await replicas.shift()?.stop();
  await replica('app-server-1', next);
  expect((await countersign('cluster status')).out).toContain(
    'on release 1, and every app-server that answers runs the next',
  );

  await Promise.all(replicas.splice(0).map((each) => each.stop()));
  for (const name of ['app-server-1', 'app-server-2']) await replica(name, { ...next, settledRelease: 2 });
  expect((await countersign('cluster status')).out).not.toContain('finalize');
});

test('cluster finalize asks first, and says what refused it', async () => {
  const server = await replica('app-server-1', {});
  let refuses = true;
  await server.on(clusterFinalize, () => {
    if (refuses)
      throw new MfaError('UPGRADE_UNFINISHED', { detail: 'One app-server of an earlier release still runs.' });
    return { release: 2, version: '0.2.0' };
  });
  expect((await countersign('cluster finalize')).code).toBe(EXIT.notConfirmed.code);
  expect(server.asked).toEqual([]);

  const refused = await countersign('cluster finalize --yes');
  expect(refused.code).toBe(EXIT.conflict.code);
  expect(refused.err).toContain('One app-server of an earlier release still runs.');
  expect(refused.err).toContain('countersign cluster status');

  refuses = false;
  const done = await countersign('cluster finalize --yes');
  expect([done.code, done.out]).toEqual([0, 'The installation is on release 2, version 0.2.0.\n']);
});
