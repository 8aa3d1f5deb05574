import type { Check } from '@countersign/contracts';
import type { NodeStatus } from '../database/router.ts';
import { SKEW_ADVICE, skewLevel, skewText } from './skew.ts';

/** As the router's own bound for reading a standby (HA-30). */
const LAG_WARN_MS = 5000;

/**
 * Primary, standbys and their clocks, as the router last saw them.
 * @param copies of each stream of NATS: who keeps several wants to lose nothing, and so of Postgres.
 */
export function checkPostgres(nodes: readonly NodeStatus[], copies: number): Check[] {
  return [
    checkPrimary(nodes),
    ...checkStandbys(nodes),
    ...(copies > 1 ? checkSynchronous(nodes) : []),
    ...nodes.flatMap(checkStale),
    ...nodes.flatMap(checkClock),
  ];
}

/** HA-33. Patroni lets the primary go on alone while the standby is away, which is said where the standby is. */
function checkSynchronous(nodes: readonly NodeStatus[]): Check[] {
  const name = 'postgres.synchronous';
  const primary = nodes.find(({ role, reachable }) => role === 'primary' && reachable);
  if (primary === undefined) return [];
  if (primary.confirmedBy !== '') {
    return [{ name, level: 'ok', detail: `${primary.name} waits for ${primary.confirmedBy ?? 'its standby'}` }];
  }
  const hasStandby = nodes.some(({ role, reachable }) => role === 'standby' && reachable);
  return [
    {
      name,
      level: hasStandby ? 'fail' : 'warn',
      detail: `${primary.name} acknowledges writes that no standby has: they are lost with it`,
      advice: hasStandby
        ? 'Set synchronous_mode: true in Patroni, or synchronous_standby_names and synchronous_commit: remote_apply. It passes by itself when the standby is just catching up.'
        : 'Start the standby again: Patroni waits for it then.',
    },
  ];
}

function checkPrimary(nodes: readonly NodeStatus[]): Check {
  const name = 'postgres.primary';
  const [primary] = nodes.filter(({ role, reachable }) => role === 'primary' && reachable);
  if (primary !== undefined) return { name, level: 'ok', detail: primary.name };
  return {
    name,
    level: 'fail',
    detail: 'no primary answers: enrolment and administration are refused, logins go on',
    advice:
      'Look at Patroni (patronictl list) and the logs of Postgres. Nothing has to be changed here once there is one.',
  };
}

function checkStandbys(nodes: readonly NodeStatus[]): Check[] {
  const others = nodes.filter(({ role, reachable }) => role !== 'stale' && !(role === 'primary' && reachable));
  if (others.length === 0) {
    return [
      {
        name: 'postgres.standby',
        level: 'warn',
        detail: 'there is none: when the primary is lost, only users seen lately can log in',
        advice: 'Add a standby and name it in COUNTERSIGN_POSTGRES_URLS of every app-server.',
      },
    ];
  }
  return others.map(checkStandby);
}

function checkStandby({ name: node, reachable, lagMs }: NodeStatus): Check {
  const name = 'postgres.standby';
  if (!reachable) {
    return {
      name,
      level: 'warn',
      detail: `${node} does not answer`,
      advice: 'Start it again: until then nothing can take the place of the other node.',
    };
  }
  const seconds = ((lagMs ?? 0) / 1000).toFixed(1);
  if (lagMs !== undefined && lagMs > LAG_WARN_MS) {
    return {
      name,
      level: 'warn',
      detail: `${node} is ${seconds} s behind`,
      advice: 'Look at its disk and network. Logins read it only when the primary is away.',
    };
  }
  return { name, level: 'ok', detail: lagMs === undefined ? node : `${node}, ${seconds} s behind` };
}

function checkStale({ name: node, role }: NodeStatus): Check[] {
  if (role !== 'stale') return [];
  return [
    {
      name: 'postgres.stale',
      level: 'fail',
      detail: `${node} calls itself primary, but another was promoted after it`,
      advice: 'Stop it and join it again as a standby (patronictl reinit). It is not used, but others may write to it.',
    },
  ];
}

function checkClock({ name: node, reachable, clockSkewMs }: NodeStatus): Check[] {
  if (!reachable || clockSkewMs === undefined) return [];
  const level = skewLevel(clockSkewMs);
  const detail = `clock of ${node} ${skewText(clockSkewMs)}`;
  return [{ name: 'clock.postgres', level, detail, ...(level !== 'ok' && { advice: SKEW_ADVICE }) }];
}
