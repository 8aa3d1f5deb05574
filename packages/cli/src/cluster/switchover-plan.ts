import { CommandError } from '../failure.ts';
import type { PatroniCluster, PatroniMember } from './patroni.ts';

export interface SwitchoverPlan {
  from: string;
  to: string;
}

/** As `maximum_lag_on_failover` of infra/ha/templates/patroni.yml. */
const MOST_LAG_BYTES = 1_048_576;

/**
 * Who gives the lead to whom. Only a synchronous standby has every acknowledged write, so only one is promoted.
 * @param wanted name of a node; without it the synchronous standby there is.
 * @throws CommandError saying why now is no time for it.
 */
export function planSwitchover(cluster: PatroniCluster, wanted?: string): SwitchoverPlan {
  const { members, pause, scheduled_switchover: scheduled } = cluster;
  const leader = members.find(({ role }) => role === 'leader');
  if (leader === undefined) {
    throw refused(
      'There is no primary to take over from.',
      'Wait until Patroni has chosen one: countersign cluster status',
    );
  }
  if (leader.state !== 'running') {
    throw refused(
      `${leader.name} leads and is ${leader.state}, not running.`,
      'Wait until it runs, or until Patroni has replaced it.',
    );
  }
  if (pause === true) {
    throw refused('Patroni is paused: nobody would watch over the change.', 'End the pause first: patronictl resume');
  }
  if (scheduled !== undefined) {
    throw refused('A switchover is scheduled already.', 'Take it back first: patronictl flush countersign switchover');
  }
  if (wanted === leader.name) throw refused(`${wanted} is the primary already.`, 'Nothing has to be done.');
  const standby = members.find(({ name, role }) => (wanted === undefined ? isSynchronous(role) : name === wanted));
  if (standby === undefined) {
    throw wanted === undefined
      ? refused(
          'No standby is synchronous: whoever took over could lack writes that were acknowledged.',
          'Start the other node and wait until it has caught up: countersign cluster status',
        )
      : refused(`Patroni knows no node ${wanted}.`, `Its nodes: ${members.map(({ name }) => name).join(', ')}`);
  }
  const problem = problemOf(standby);
  if (problem !== undefined) {
    throw refused(
      `${standby.name} ${problem}: it could lack writes that were acknowledged.`,
      'Wait until it has caught up: countersign cluster status',
    );
  }
  return { from: leader.name, to: standby.name };
}

function problemOf({ role, state, lag }: PatroniMember): string | undefined {
  if (!isSynchronous(role)) return 'is not synchronous';
  if (state !== 'running' && state !== 'streaming') return `is ${state}`;
  if (lag === 'unknown' || (lag ?? 0) > MOST_LAG_BYTES) return 'is behind';
  return undefined;
}

function isSynchronous(role: string): boolean {
  return role === 'sync_standby' || role === 'quorum_standby';
}

function refused(message: string, advice: string): CommandError {
  return new CommandError('SWITCHOVER_REFUSED', 'conflict', `${message} Nothing was changed.`, advice);
}
