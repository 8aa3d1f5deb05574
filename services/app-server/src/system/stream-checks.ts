import type { Check } from '@countersign/contracts';
import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import type { Partition } from '../ledger/partition.ts';
import { wantedStreams, wrongSettings } from '../streams/wanted.ts';

const NEARLY_FULL = 0.8;

/** One check for each stream: the worst that was found of it. */
export function checkStreams(
  infos: ReadonlyMap<string, StreamInfo | undefined>,
  partitions: readonly Partition[],
): Check[] {
  return wantedStreams(partitions).map((wanted) => {
    const info = infos.get(wanted.name);
    const name = `nats.stream.${wanted.name}`;
    if (info === undefined) {
      return {
        name,
        level: 'fail',
        detail: `missing: ${wanted.purpose}`,
        advice: 'Restart one app-server: it makes the streams that are missing. Find out who deleted it.',
      };
    }
    const faults = [settingsFault(wanted.settings, info), clusterFault(info), fullness(info)].flatMap(
      (fault) => fault ?? [],
    );
    const [worst] = faults.toSorted((a, b) => (a.level === b.level ? 0 : a.level === 'fail' ? -1 : 1));
    return worst === undefined ? { name, level: 'ok', detail: stateText(info) } : { name, ...worst };
  });
}

type Fault = Omit<Check, 'name'>;

function settingsFault(wanted: Partial<StreamConfig>, info: StreamInfo): Fault | undefined {
  const wrong = wrongSettings(wanted, info);
  if (wrong.length === 0) return undefined;
  return {
    level: 'fail',
    detail: wrong.join(', '),
    advice: 'Somebody changed it. Bring these settings back with the nats tool: they keep spent codes spent.',
  };
}

/** In a cluster: a leader, and copies that keep up. */
function clusterFault({ cluster, config }: StreamInfo): Fault | undefined {
  if (cluster === undefined) return undefined;
  const inCluster = cluster.name !== undefined && cluster.name !== '';
  if (!inCluster) return undefined;
  if (cluster.leader === undefined || cluster.leader === '') {
    return {
      level: 'fail',
      detail: 'no server leads it',
      advice:
        'Most of its servers must run. After a loss this passes within 10 s; if it does not, look at the NATS logs.',
    };
  }
  const behind = (cluster.replicas ?? []).filter(({ current, offline }) => !current || offline);
  if (behind.length > 0) {
    const names = behind.map(({ name, offline }) => `${name}${offline ? ' (offline)' : ''}`).join(', ');
    return { level: 'warn', detail: `copies are behind: ${names}`, advice: 'Start the server, or look at its disk.' };
  }
  if (config.num_replicas === 1) {
    return {
      level: 'warn',
      detail: 'there is one copy, in a cluster',
      advice: 'Set COUNTERSIGN_NATS_REPLICAS=3 for app-server and raise the copies with the nats tool.',
    };
  }
  return undefined;
}

/**
 * A full stream that discards what is new refuses, so what is near its bound soon stops logins, or loses audit. The others make room by
 * themselves.
 */
function fullness({ config, state }: StreamInfo): Fault | undefined {
  const shares = [
    { of: 'bytes', used: state.bytes, bound: config.max_bytes },
    { of: 'messages', used: state.messages, bound: config.max_msgs },
  ].filter(({ bound }) => bound > 0);
  const fullest = shares.toSorted((a, b) => b.used / b.bound - a.used / a.bound)[0];
  if (config.discard !== 'new' || fullest === undefined || fullest.used / fullest.bound < NEARLY_FULL) return undefined;
  const percent = Math.floor((100 * fullest.used) / fullest.bound);
  return {
    level: percent >= 100 ? 'fail' : 'warn',
    detail: `${percent} % full (${fullest.used} of ${fullest.bound} ${fullest.of})`,
    advice: 'Raise the bound with the nats tool before it is full: then it refuses what is new.',
  };
}

function stateText({ state, config, cluster }: StreamInfo): string {
  const copies = `${config.num_replicas} ${config.num_replicas === 1 ? 'copy' : 'copies'}`;
  const leader = cluster?.leader === undefined || cluster.leader === '' ? '' : `, led by ${cluster.leader}`;
  return `${state.messages} messages, ${copies}${leader}`;
}
