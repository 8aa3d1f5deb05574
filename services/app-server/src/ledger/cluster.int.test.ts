import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsCluster, waitUntil, type NatsServer } from '@countersign/testkit';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { INITIAL_STATE } from '../challenge/state.ts';
import { jetStreamLog } from './jetstream-log.ts';
import type { Stored, UserLog } from './log.ts';
import { SETTLED } from './testing/settled.ts';
import { ensureLedgerStream, UNDIVIDED } from './partition.ts';
import type { LedgerRecord } from './record.ts';

const folder = mkdtempSync(join(tmpdir(), 'cluster-'));
let servers: NatsServer[];
let connections: NatsConnection[];
/** One for each server. */
let logs: UserLog[];

beforeAll(async () => {
  servers = await startNatsCluster({ dir: folder });
  connections = await Promise.all(servers.map(({ url }) => connect({ servers: url })));
  const managers = await Promise.all(
    connections.map((connection) => jetstreamManager(connection, { timeout: 3000, checkAPI: false })),
  );
  await ensureLedgerStream(managers[0]!, UNDIVIDED, 3);
  logs = connections.map((connection, index) =>
    jetStreamLog(jetstream(connection), managers[index]!, UNDIVIDED, SETTLED),
  );
});
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await Promise.all(servers.map((server) => server.kill()));
  rmSync(folder, { recursive: true, force: true });
});

const recordOf = (attemptId: string): LedgerRecord => ({
  attemptId,
  event: { type: 'user.blocked', reason: 'test', by: attemptId, at: 1 },
  state: INITIAL_STATE,
  floorAt: 0,
  before: [],
  replica: 'test',
});

const ROUNDS = 200;

test.each([
  ['first', 0],
  ['next', 1],
])(
  'R1, HA-10: of three that append to the %s place of a user at once, in a cluster, one is stored',
  async (_, before) => {
    let stored = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const userId = crypto.randomUUID();
      let place = 0;
      if (before > 0) {
        const first = await logs[0]!.append(userId, recordOf('first'), 0);
        if (first.outcome !== 'stored') throw new Error('the first append was not stored');
        place = first.sequence;
      }
      const outcomes = await Promise.all(
        logs.map((log, index) => log.append(userId, recordOf(`racer ${index}`), place)),
      );
      const winners = outcomes.flatMap((outcome, index) =>
        outcome.outcome === 'stored' ? [{ ...outcome, index }] : [],
      );
      expect(winners).toHaveLength(1);
      const [winner] = winners;
      // Any copy may answer, and one may be behind; what they show in the end is the winner.
      let shown: Stored | undefined;
      await waitUntil(async () => (shown = await logs[2]!.last(userId))?.sequence === winner?.sequence, {
        what: 'the winner to be shown',
      });
      expect(shown?.record.attemptId).toBe(`racer ${winner?.index}`);
      stored += 1;
    }
    expect(stored).toBe(ROUNDS);
  },
);

test('a read that a hung copy was to answer is answered by the leader', async () => {
  const userId = crypto.randomUUID();
  await logs[0]!.append(userId, recordOf('kept'), 0);
  const manager = await jetstreamManager(connections[0]!, { timeout: 2000, checkAPI: false });
  const { cluster } = await manager.streams.info(UNDIVIDED.stream);
  const asking = servers.findIndex(({ url }) => url.includes(`:${connections[0]!.info?.port}`));
  const hung = servers.find((_, index) => index !== asking && cluster?.leader !== `nats-${index + 1}`);
  const log = jetStreamLog(jetstream(connections[0]!), manager, UNDIVIDED, SETTLED);
  await waitUntil(async () => (await log.last(userId)) !== undefined, { what: 'the record to be on any copy' });
  hung?.pause();
  try {
    const reads = await Promise.all(Array.from({ length: 30 }, () => log.last(userId)));
    expect(reads.map((read) => read?.record.attemptId)).toEqual(Array.from({ length: 30 }, () => 'kept'));
  } finally {
    hung?.resume();
  }
});
