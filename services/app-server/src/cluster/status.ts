import type { clusterStatus, InputOf, OutputOf } from '@countersign/contracts';
import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Router } from '../database/router.ts';
import type { LedgerContinuity } from '../ledger/continuity.ts';
import type { Partition } from '../ledger/partition.ts';
import type { ClockWatch } from '../system/clock-watch.ts';
import { RELEASE } from '../release/release.ts';
import type { SettledRelease } from '../release/settled.ts';
import { copiesOf } from '../streams/copies.ts';

type View = OutputOf<typeof clusterStatus>;

export interface StatusDependencies {
  replica: string;
  version: string;
  settled: Pick<SettledRelease, 'number'>;
  /** ms since the epoch. */
  startedAt: number;
  /** ms since the epoch. */
  now: () => number;
  bus: { nats: NatsConnection };
  router: Pick<Router, 'nodes' | 'lastOutage'>;
  clock: Pick<ClockWatch, 'readings'>;
  parts: readonly { partition: Partition; continuity: Pick<LedgerContinuity, 'isProven' | 'floor'> }[];
  /** Somebody accepted that NATS does not sync each write. */
  acceptsUnsynced: boolean;
  isFit: () => boolean;
}

const JETSTREAM = { timeout: 2000, checkAPI: false };

/** One replica's own view of what it runs on. Says what it knows also when NATS has no leader to ask. */
export async function status(
  { replica, version, settled, startedAt, now, bus, router, clock, parts, acceptsUnsynced, isFit }: StatusDependencies,
  _input: InputOf<typeof clusterStatus>,
): Promise<View> {
  const { info } = bus.nats;
  const streams = await streamsOf(bus.nats, info?.server_name).catch(() => []);
  const outage = router.lastOutage();
  return {
    replica,
    version,
    release: RELEASE,
    settledRelease: settled.number,
    node: process.versions.node,
    startedAt: iso(startedAt),
    server: info?.server_name ?? 'none',
    ...(info !== undefined && { serverVersion: info.version }),
    takesWork: isFit(),
    unsynced: acceptsUnsynced,
    postgres: router.nodes().map(({ name, role, reachable, lagMs, version: postgres, confirmedBy }) => ({
      name,
      role,
      reachable,
      ...(lagMs !== undefined && { lagMs }),
      ...(postgres !== undefined && { version: postgres }),
      ...(confirmedBy !== undefined && { confirmedBy }),
    })),
    streams,
    clocks: clock.readings.map(({ name, aheadMs }) => ({ name, ...(aheadMs !== undefined && { aheadMs }) })),
    floors: parts.map(({ partition, continuity }) => floorOf(partition, continuity)),
    ...(outage !== undefined && {
      lastOutage: { startedAt: iso(outage.startedAt), ...(outage.ms !== undefined && { ms: outage.ms }) },
    }),
    at: iso(now()),
  };
}

function floorOf({ stream }: Partition, continuity: Pick<LedgerContinuity, 'isProven' | 'floor'>) {
  const { at } = continuity.floor();
  return { stream, proven: continuity.isProven(), ...(at > 0 && { at: iso(at) }) };
}

async function streamsOf(nats: NatsConnection, server: string | undefined): Promise<View['streams']> {
  const manager = await jetstreamManager(nats, JETSTREAM);
  const found: View['streams'] = [];
  for await (const info of manager.streams.list()) found.push(streamOf(info, server));
  return found.toSorted((a, b) => a.name.localeCompare(b.name));
}

/** @param server that is connected to: one that is in no cluster has every stream, and does not name itself where it lists them. */
export function streamOf(
  info: Pick<StreamInfo, 'config' | 'state' | 'cluster'>,
  server: string | undefined,
): View['streams'][number] {
  const { config, state, cluster } = info;
  const { leader = cluster === undefined ? server : undefined, followers } = copiesOf(info);
  return {
    name: config.name,
    messages: state.messages,
    wantedCopies: config.num_replicas,
    copies: [
      ...(leader === undefined ? [] : [{ server: leader, leads: true, current: true }]),
      ...followers.map(({ server, isCurrent, lag }) => ({
        server,
        leads: false,
        current: isCurrent,
        ...(lag > 0 && { behind: lag }),
      })),
    ].toSorted((a, b) => a.server.localeCompare(b.server)),
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
