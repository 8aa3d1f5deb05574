import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import type { ServerProcesses } from '@countersign/bus';
import type { StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Router } from '../database/router.ts';
import { copiesOf } from '../streams/copies.ts';
import { ledInfo } from '../streams/led-info.ts';
import { LedgerContinuity, type ContinuityDependencies } from './continuity.ts';
import { postgresMemory } from './memory.ts';
import { hearPeers, natsPeers } from './peers.ts';
import type { Partition } from './partition.ts';
import { LedgerWatch, WATCH_EVERY_MS, type PeerView, type StreamStanding, type WatchDependencies } from './watch.ts';

/** Longer than a busy machine takes to answer, and shorter than a look holds. */
const LOOK_TIMEOUT_MS = 3000;
/** While there is a doubt: a leader that was just elected is not to be missed. */
const DOUBT_TIMEOUT_MS = 1000;
/** A server that hangs is left out of a look, and holds it up no longer. */
const ALIVE_WITHIN_MS = 300;
/** Longer than a busy machine makes anybody wait who asks who else runs. */
const OTHERS_WITHIN_MS = 1000;

export interface Watching {
  continuity: LedgerContinuity;
  /** The other app-servers that answer. */
  readonly others: () => Promise<PeerView[]>;
  /** Says farewell to the others. To be called when nothing is appended any more. */
  readonly leave: () => Promise<void>;
}

/** Puts the watch over one part of the ledger on NATS and Postgres. Resolves when continuity is proven, or a loss was assumed. */
export async function startWatch({
  nats,
  processes,
  partition,
  router,
  now,
  onLoss,
  ...deps
}: {
  nats: NatsConnection;
  /** Of a cluster; one server is the one that we are connected to. */
  processes: Pick<ServerProcesses, 'alive'> | undefined;
  partition: Partition;
  router: Router;
} & Pick<ContinuityDependencies, 'now' | 'onLoss'> &
  Pick<WatchDependencies, 'highestProjected' | 'onProblem'>): Promise<Watching> {
  const patient = await jetstreamManager(nats, { timeout: LOOK_TIMEOUT_MS, checkAPI: false });
  const brief = await jetstreamManager(nats, { timeout: DOUBT_TIMEOUT_MS, checkAPI: false });
  const uptime = () => performance.now();
  const continuity = new LedgerContinuity({
    now,
    uptime,
    onLoss: (reason) => {
      onLoss(reason);
      watch.tell();
    },
  });
  const run = randomUUID();
  const peers = natsPeers(nats, partition.peers);
  const watch = new LedgerWatch({
    ...deps,
    continuity,
    uptime,
    run,
    peers,
    memory: postgresMemory(router, partition.stream),
    stream: async (inDoubt) => {
      const info = await ledInfo(inDoubt ? brief : patient, partition.stream);
      const { state, created, config } = info;
      return {
        lastSequence: state.last_seq,
        createdAt: Date.parse(created),
        copies: config.num_replicas,
        ...(config.num_replicas > 1 ? await holdersOf(info, processes) : alone(info, nats.info)),
      };
    },
    sleep: (ms) => sleep(ms),
  });
  const silence = hearPeers(nats, partition.peers, watch);
  void followConnection(nats, watch);
  await watch.start();
  const timer = setInterval(() => void watch.watch(), WATCH_EVERY_MS);
  return {
    continuity,
    others: () => peers.ask(run, OTHERS_WITHIN_MS),
    leave: async () => {
      clearInterval(timer);
      await watch.leave();
      silence();
    },
  };
}

async function followConnection(nats: NatsConnection, watch: LedgerWatch): Promise<void> {
  for await (const status of nats.status()) {
    if (status.type === 'disconnect') watch.doubt();
    if (status.type === 'reconnect') void watch.reconnected();
  }
}

/** The processes of the leader and of the followers: of those that have all it has, and of all that answer. */
async function holdersOf(
  info: StreamInfo,
  processes: Pick<ServerProcesses, 'alive'> | undefined,
): Promise<Pick<StreamStanding, 'processes' | 'reachable'>> {
  const alive = await (processes?.alive(ALIVE_WITHIN_MS) ?? new Map<string, string>());
  const { leader, followers } = copiesOf(info);
  const processesOf = (copies: readonly { server: string }[]) =>
    [leader ?? '', ...copies.map(({ server }) => server)].flatMap((server) => alive.get(server) ?? []).toSorted();
  return { processes: processesOf(followers.filter(({ isCurrent }) => isCurrent)), reachable: processesOf(followers) };
}

/** In a cluster the only copy may lie on another server than ours; of that one nobody here knows whether it ran on. */
function alone({ cluster }: StreamInfo, ours: NatsConnection['info']): Pick<StreamStanding, 'processes' | 'reachable'> {
  const isOurs = ours !== undefined && (!cluster?.leader || cluster.leader === ours.server_name);
  const processes = isOurs ? [ours.server_id] : [];
  return { processes, reachable: processes };
}
