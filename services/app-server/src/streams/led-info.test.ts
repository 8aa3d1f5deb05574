import type { StreamInfo } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { leads } from './led-info.ts';

/** As the leader tells it, by how many seconds ago each follower was heard of. */
function infoOf(copies: number, ...secondsAgo: number[]): Pick<StreamInfo, 'cluster' | 'config'> {
  const replicas = secondsAgo.map((seconds, index) => ({
    name: `nats-${index + 2}`,
    active: seconds * 1e9,
    current: true,
    offline: false,
    lag: 0,
  }));
  const cluster = { name: 'countersign', leader: 'nats-1', replicas };
  return { cluster, config: { num_replicas: copies } as StreamInfo['config'] } satisfies Pick<
    StreamInfo,
    'cluster' | 'config'
  >;
}

test.each([
  ['both followers just now', infoOf(3, 0.2, 0.9), true],
  ['one follower just now, the other is gone', infoOf(3, 0.2, 60), true],
  ['none since it hung', infoOf(3, 15, 15), false],
  ['two of four', infoOf(5, 0.1, 0.1, 60, 60), true],
  ['one of four', infoOf(5, 0.1, 60, 60, 60), false],
  ['the only copy', infoOf(1), true],
])('a leader that has heard of %s', (_, info, yes) => expect(leads(info)).toBe(yes));

test('a copy without a leader, and one that is not the leader, do not lead', () => {
  const { cluster, config } = infoOf(3, 0, 0);
  if (cluster === undefined) throw new Error('no cluster');
  const { leader: _, ...leaderless } = cluster;
  expect(leads({ cluster: leaderless, config })).toBe(false);
  expect(leads({ cluster: { ...cluster, leader: '' }, config })).toBe(false);
  expect(leads({ cluster: { ...cluster, leader: 'nats-2' }, config })).toBe(false);
});

test('a follower that was never heard of counts as gone', () => {
  const { cluster, config } = infoOf(3, 0, 0);
  if (cluster === undefined) throw new Error('no cluster');
  const replicas = cluster.replicas?.map((replica) => ({ ...replica, offline: true, current: false })) ?? [];
  expect(leads({ cluster: { ...cluster, replicas }, config })).toBe(false);
});

test('one server that is no cluster needs nobody', () => {
  const { config } = infoOf(1);
  expect(leads({ config })).toBe(true);
});
