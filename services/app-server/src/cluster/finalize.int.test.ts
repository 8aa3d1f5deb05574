import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adoptLayout } from '../ledger/layout.ts';
import { UNDIVIDED } from '../ledger/partition.ts';
import { natsPeers } from '../ledger/peers.ts';
import { FIRST_RELEASE, RELEASE } from '../release/release.ts';
import { SettledRelease } from '../release/settled.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { finalize } from './finalize.ts';

let house: House;
let replica: Replica;
let nats: NatsConnection;
let settled: SettledRelease;

beforeAll(async () => {
  house = await startHouse('finalize');
  replica = await house.replica('app-server-1');
  nats = await connect({ servers: house.nats.url });
  await adoptLayout(replica.router, 1);
  await replica.router.write((db) => db.updateTable('ledger_layout').set({ release: null }).execute());
  settled = new SettledRelease(replica.router, () => undefined);
  await settled.start();
});
afterAll(async () => {
  settled.stop();
  await nats.close();
  await house.stop();
});

const finalizing = (attemptId: string = crypto.randomUUID()) => {
  const parts = [{ others: () => natsPeers(nats, UNDIVIDED.peers).ask('this run', 300) }];
  const { router, now } = replica;
  return finalize({ parts, router, settled, version: '0.2.0', now }, {}, requestOf({ attemptId }));
};

/** Answers as an app-server does that is asked who it is. */
function run(view: object): () => void {
  const text = JSON.stringify({ run: crypto.randomUUID(), floor: { at: 0 }, highest: 1, isProven: true, ...view });
  const answering = nats.subscribe(`${UNDIVIDED.peers}.ask`, {
    callback: (_error, message) => void message.respond(text),
  });
  return () => answering.unsubscribe();
}

test('while an app-server answers that does not say which release it is, nothing is changed', async () => {
  const stop = run({});
  const stopNew = run({ release: RELEASE });
  await expect(finalizing()).rejects.toMatchObject({
    code: 'UPGRADE_UNFINISHED',
    detail: expect.stringContaining('Of those who answer, 1 run an earlier release') as string,
  });
  await settled.refresh('primary');
  expect(settled.number).toBe(FIRST_RELEASE);
  stop();
  stopNew();
});

test('when all that answer are of this release it is written down, once, with an audit', async () => {
  const stop = run({ release: RELEASE });
  expect(await finalizing('attempt')).toEqual({ release: RELEASE, version: '0.2.0' });
  expect(await finalizing('attempt')).toEqual({ release: RELEASE, version: '0.2.0' });
  expect(settled.number).toBe(RELEASE);
  const rows = await replica.router.read(
    (db) => db.selectFrom('audit_event').select(['type', 'detail']).where('type', '=', 'cluster.finalize').execute(),
    { from: 'primary' },
  );
  expect(rows).toEqual([{ type: 'cluster.finalize', detail: { release: RELEASE, version: '0.2.0' } }]);
  stop();
});

test('what a later release finalized is not taken back', async () => {
  const stop = run({ release: RELEASE });
  await replica.router.write((db) =>
    db
      .updateTable('ledger_layout')
      .set({ release: RELEASE + 1 })
      .execute(),
  );
  expect(await finalizing()).toMatchObject({ release: RELEASE + 1 });
  stop();
});
