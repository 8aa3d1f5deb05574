import { expect, test } from 'vitest';
import { CommandError } from '../failure.ts';
import type { PatroniCluster, PatroniMember } from './patroni.ts';
import { planSwitchover } from './switchover-plan.ts';

const leader: PatroniMember = { name: 'postgres-1', role: 'leader', state: 'running' };
const standby: PatroniMember = { name: 'postgres-2', role: 'sync_standby', state: 'running', lag: 0 };
const third: PatroniMember = { name: 'postgres-3', role: 'replica', state: 'streaming', lag: 0 };
const members = (...list: PatroniMember[]): PatroniCluster => ({ members: list });

test('the synchronous standby takes over, as every version of Patroni calls it', () => {
  expect(planSwitchover(members(leader, third, standby))).toEqual({ from: 'postgres-1', to: 'postgres-2' });
  const newer = { ...standby, role: 'quorum_standby', state: 'streaming' };
  expect(planSwitchover(members(leader, newer), 'postgres-2').to).toBe('postgres-2');
});

test.each<[string, PatroniCluster, string | undefined, string]>([
  ['no primary', members(standby, third), undefined, 'There is no primary'],
  ['a primary that is just stopping', members({ ...leader, state: 'stopping' }, standby), undefined, 'is stopping'],
  ['a pause', { ...members(leader, standby), pause: true }, undefined, 'paused'],
  ['another that is planned', { ...members(leader, standby), scheduled_switchover: {} }, undefined, 'scheduled'],
  ['the one that leads', members(leader, standby), 'postgres-1', 'primary already'],
  ['no synchronous standby', members(leader, third), undefined, 'No standby is synchronous'],
  ['one that is not synchronous', members(leader, standby, third), 'postgres-3', 'postgres-3 is not synchronous'],
  ['an unknown name', members(leader, standby), 'postgres-9', 'knows no node postgres-9'],
  ['one that does not run', members(leader, { ...standby, state: 'start failed' }), undefined, 'is start failed'],
  ['one of which nothing is known', members(leader, { ...standby, lag: 'unknown' }), undefined, 'is behind'],
  ['one that is far behind', members(leader, { ...standby, lag: 2_000_000 }), undefined, 'is behind'],
])('refused: %s', (_, cluster, wanted, sentence) => {
  const plan = () => planSwitchover(cluster, wanted);
  expect(plan).toThrow(CommandError);
  expect(plan).toThrow(sentence);
  expect(plan).toThrow('Nothing was changed.');
});
