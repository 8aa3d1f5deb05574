import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { greetServers } from '@countersign/bus';
import { findNatsServer, freePort, startNats, type NatsServer } from '@countersign/testkit';
import { DiscardPolicy, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ensureLedgerStream, UNDIVIDED } from '../ledger/partition.ts';
import { assertStreams } from './assert-streams.ts';
import { ACCEPT_UNSYNCED } from '@countersign/authority';
import { assertSynced } from './synced.ts';
import { readStreams } from './wanted.ts';

const dir = mkdtempSync(join(tmpdir(), 'assert-streams-'));
let nats: NatsServer;
let connection: NatsConnection;
let manager: JetStreamManager;

beforeAll(async () => {
  nats = await startNats({ storeDir: dir });
  connection = await connect({ servers: nats.url });
  manager = await jetstreamManager(connection);
});
afterAll(async () => {
  await connection.drain();
  await nats.kill();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => manager.streams.delete('AUTH').catch(() => undefined));

const look = async (copies: number) => assertStreams(await readStreams(manager, [UNDIVIDED]), [UNDIVIDED], copies);

test('streams as app-server makes them are taken, and those that are not there yet', async () => {
  await expect(look(1)).resolves.toBeUndefined();
  await ensureLedgerStream(manager, UNDIVIDED, 1);
  await expect(look(1)).resolves.toBeUndefined();
});

test('a ledger that forgets the oldest is refused, and one from which messages may be deleted', async () => {
  const { config } = await ensureLedgerStream(manager, UNDIVIDED, 1);
  await manager.streams.update('AUTH', { ...config, discard: DiscardPolicy.Old });
  await expect(look(1)).rejects.toMatchObject({
    name: 'StartRefused',
    message: expect.stringMatching(/^The stream AUTH was changed: discard is "old" and not "new"\. .* Bring it back/),
  });
  await manager.streams.delete('AUTH');
  await manager.streams.add({ ...config, deny_purge: false });
  await expect(look(1)).rejects.toThrow('deny_purge is false and not true');
});

test('HA-22: a stream with fewer copies than were asked for is refused, with what raises it', async () => {
  await ensureLedgerStream(manager, UNDIVIDED, 1);
  await expect(look(3)).rejects.toThrow(
    'The stream AUTH has one copy, and COUNTERSIGN_NATS_REPLICAS is 3. Raise it: nats stream edit AUTH --replicas 3',
  );
});

test('HA-22: several copies on servers that cannot sync each write need a word that nobody writes by accident', async () => {
  const greetings = await greetServers([nats.url, `127.0.0.1:${await freePort()}`]);
  const [major = 0, minor = 0] = findNatsServer()?.version ?? [];
  expect(greetings).toMatchObject([{ server: { name: 'nats', jetstream: true } }, {}]);
  expect(greetings[0]?.server?.version).toMatch(new RegExp(`^${major}\\.${minor}\\.`));
  const old = [{ address: 'a', server: { name: 'nats-1', version: '2.9.10', jetstream: true } }];
  const seen = major === 2 && minor < 10 ? greetings : old;
  expect(() => assertSynced(seen, 3, undefined)).toThrow(
    /nats-server 2\.9\.\d+, which cannot sync .* COUNTERSIGN_NATS_UNSYNCED=accept-lost-decisions/,
  );
  expect(() => assertSynced(seen, 3, 'true')).toThrow('cannot sync');
  expect(() => assertSynced(seen, 3, ACCEPT_UNSYNCED)).not.toThrow();
  // One server promises nothing: the recovery floor is there for it.
  expect(() => assertSynced(seen, 1, undefined)).not.toThrow();
});

test.each(['2.10.0', '2.12.1', '3.0.0'])('nats-server %s can sync each write', (version) => {
  const greetings = [{ address: 'a', server: { name: 'nats-1', version, jetstream: true } }];
  expect(() => assertSynced(greetings, 3, undefined)).not.toThrow();
});
