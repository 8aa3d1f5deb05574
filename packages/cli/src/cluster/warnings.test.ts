import { expect, test } from 'vitest';
import type { EdgeView, ReplicaView, Seen } from './seen.ts';
import { notesOf, warningsOf } from './warnings.ts';

const AT = '2026-11-23T09:30:00.000Z';
const copies = ['nats-1', 'nats-2', 'nats-3'].map((server) => ({ server, leads: server === 'nats-1', current: true }));
const stream = { name: 'AUTH', messages: 1, wantedCopies: 3, copies };
const primary = {
  name: 'pg-1:5432',
  role: 'primary' as const,
  reachable: true,
  version: '15.18',
  confirmedBy: '"postgres-2"',
};
const standby = { name: 'pg-2:5432', role: 'standby' as const, reachable: true, version: '15.18', lagMs: 4 };

const replica: ReplicaView = {
  replica: 'app-server-1',
  version: '1.2.0',
  node: '26.5.0',
  startedAt: AT,
  at: AT,
  server: 'nats-1',
  takesWork: true,
  postgres: [primary, standby],
  streams: [stream],
  clocks: [{ name: 'NATS', aheadMs: 3 }, { name: 'pg-1:5432' }],
  floors: [{ stream: 'AUTH', proven: true, at: AT }],
};
const other: ReplicaView = { ...replica, replica: 'app-server-2' };
const edge: EdgeView = {
  replica: 'sdk-gateway-1',
  service: 'sdk-gateway',
  version: '1.2.0',
  node: '26.5.0',
  startedAt: AT,
  at: AT,
  server: 'nats-1',
  working: 0,
  waiting: 0,
};
const servers = [1, 2, 3].map((number) => ({
  address: `nats-${number}:4222`,
  server: { name: `nats-${number}`, version: '2.12.1', jetstream: true },
}));
const well: Seen = { replicas: [replica, other], edges: [edge], silent: [], wrong: [], natsServers: servers };

test('nothing is said when all is well', () => {
  expect(warningsOf(well)).toEqual([]);
  expect(notesOf(well)).toEqual([]);
});

test.each<[string, Seen, string]>([
  [
    'writes that nobody syncs, and somebody accepted that',
    { ...well, replicas: [{ ...replica, unsynced: true }, other] },
    'does not sync each write to disk, and app-server-1 accepted',
  ],
  [
    'an upgrade that waits to be finalized',
    {
      ...well,
      replicas: [
        { ...replica, release: 3, settledRelease: 2 },
        { ...other, release: 3, settledRelease: 2 },
      ],
    },
    'countersign cluster finalize',
  ],
])('%s is a note, and nothing that maintenance waits for', (_, seen, sentence) => {
  expect(notesOf(seen)).toEqual([expect.stringContaining(sentence)]);
  expect(warningsOf(seen)).toEqual([]);
});

const with1 = (change: Partial<ReplicaView>): Seen => ({ ...well, replicas: [{ ...replica, ...change }, other] });
const withStream = (change: Partial<typeof stream>) => ({ streams: [{ ...stream, ...change }] });
const ledger = (number: number, leads: string) => ({
  ...stream,
  name: `AUTH_${number}`,
  copies: copies.map((copy) => ({ ...copy, leads: copy.server === leads })),
});

test.each<[string, Seen, string]>([
  ['a replica that hangs', { ...well, silent: ['app-server-3'] }, 'app-server-3 began to answer'],
  ['a replica without work', with1({ takesWork: false }), 'app-server-1 takes no work'],
  ['a replica that answers nonsense', { ...well, wrong: ['sdk-gateway-3'] }, 'sdk-gateway-3 answers otherwise'],
  ['no gateway', { ...well, edges: [] }, 'No gateway answers'],
  ['portals alone', { ...well, edges: [{ ...edge, service: 'user-portal' }] }, 'No gateway answers'],
  ['two versions', with1({ version: '1.3.0' }), '1.3.0 (app-server-1), 1.2.0 (app-server-2, sdk-gateway-1)'],
  ['two versions of an edge', { ...well, edges: [{ ...edge, version: '1.1.0' }] }, '1.1.0 (sdk-gateway-1)'],
  [
    'a NATS server that is away',
    { ...well, natsServers: [...servers.slice(1), { address: 'nats-1:4222' }] },
    'NATS does not answer at nats-1:4222',
  ],
  [
    'two versions of NATS',
    {
      ...well,
      natsServers: [
        ...servers.slice(1),
        { address: 'nats-1:4222', server: { name: 'nats-1', version: '2.9.10', jetstream: true } },
      ],
    },
    '2.9.10 (nats-1)',
  ],
  [
    'a stream without a leader',
    with1(withStream({ copies: copies.map((copy) => ({ ...copy, leads: false })) })),
    'No server leads AUTH',
  ],
  [
    'a follower that is behind',
    with1(withStream({ copies: copies.map((copy) => ({ ...copy, current: copy.server !== 'nats-2' })) })),
    'nats-2 lacks a part of AUTH',
  ],
  ['fewer copies than wanted', with1(withStream({ copies: copies.slice(0, 2) })), 'AUTH is on 2 of 3 servers'],
  [
    'one that leads the whole ledger',
    { ...well, replicas: [{ ...replica, streams: [1, 2, 3].map((number) => ledger(number, 'nats-1')) }] },
    'nats-1 leads the whole ledger',
  ],
  ['no primary', with1({ postgres: [standby] }), 'app-server-1 sees no Postgres primary'],
  ['no synchronous standby', with1({ postgres: [{ ...primary, confirmedBy: '' }, standby] }), 'waits for no standby'],
  [
    'a standby that is away',
    with1({ postgres: [primary, { ...standby, reachable: false }] }),
    'does not reach Postgres at pg-2',
  ],
  ['a standby that lags', with1({ postgres: [primary, { ...standby, lagMs: 6000 }] }), '6.0 s behind the primary'],
  ['two primaries', with1({ postgres: [primary, { ...standby, role: 'stale' }] }), 'calls itself primary although'],
  [
    'replicas that differ on who is primary',
    with1({
      postgres: [
        { ...primary, name: 'pg-2:5432' },
        { ...standby, name: 'pg-1:5432' },
      ],
    }),
    'different Postgres nodes for primary: pg-2:5432, pg-1:5432',
  ],
  [
    'HA-50: a clock that is off',
    with1({ clocks: [{ name: 'NATS', aheadMs: -5000 }] }),
    'clock of NATS is 5.0 s behind',
  ],
  [
    'HA-50: a replica whose clock is off',
    { ...well, edges: [{ ...edge, aheadMs: 11_000 }] },
    'clock of sdk-gateway-1 is 11.0 s ahead of',
  ],
  [
    'an unproven stream',
    with1({ floors: [{ stream: 'AUTH', proven: false, at: AT }] }),
    'app-server-1 decides nothing for AUTH',
  ],
  ['different floors', with1({ floors: [{ stream: 'AUTH', proven: true }] }), 'none (app-server-1)'],
])('%s', (_, seen, sentence) => {
  const warnings = warningsOf(seen);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(sentence);
});

test('one NATS server and Postgres without a synchronous standby are no fault on one machine', () => {
  const alone = { ...stream, wantedCopies: 1, copies: [] };
  const postgres = [{ ...primary, confirmedBy: '' }, standby];
  expect(warningsOf({ ...well, replicas: [{ ...replica, streams: [alone], postgres }] })).toEqual([]);
});

test('a replica of an older version, which says less, is shown and not complained about', () => {
  const { replica: name, version, node, startedAt, server, takesWork } = replica;
  const older = {
    replica: name,
    version,
    node,
    startedAt,
    server,
    takesWork,
    postgres: [{ name: 'pg-1:5432', role: 'primary' as const, reachable: true }],
    streams: [{ name: 'AUTH', messages: 1, copies }],
  };
  expect(warningsOf({ ...well, replicas: [older] })).toEqual([]);
});
