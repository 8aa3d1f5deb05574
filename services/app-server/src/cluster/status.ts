import type { clusterStatus, InputOf, OutputOf } from '@countersign/contracts';
import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Router } from '../database/router.ts';

export interface StatusDependencies {
  replica: string;
  version: string;
  /** ms since the epoch. */
  startedAt: number;
  bus: { nats: NatsConnection };
  router: Pick<Router, 'nodes'>;
  isFit: () => boolean;
}

const JETSTREAM = { timeout: 2000, checkAPI: false };

/** One replica's own view of what it runs on. Says what it knows also when NATS has no leader to ask. */
export async function status(
  { replica, version, startedAt, bus, router, isFit }: StatusDependencies,
  _input: InputOf<typeof clusterStatus>,
): Promise<OutputOf<typeof clusterStatus>> {
  return {
    replica,
    version,
    node: process.versions.node,
    startedAt: new Date(startedAt).toISOString(),
    server: bus.nats.info?.server_name ?? 'none',
    takesWork: isFit(),
    postgres: router.nodes().map(({ name, role, reachable, lagMs }) => ({
      name,
      role,
      reachable,
      ...(lagMs !== undefined && { lagMs }),
    })),
    streams: await streamsOf(bus.nats).catch(() => []),
  };
}

async function streamsOf(nats: NatsConnection): Promise<OutputOf<typeof clusterStatus>['streams']> {
  const manager = await jetstreamManager(nats, JETSTREAM);
  const found: OutputOf<typeof clusterStatus>['streams'] = [];
  for await (const info of manager.streams.list()) found.push(streamOf(info));
  return found.toSorted((a, b) => a.name.localeCompare(b.name));
}

function streamOf({ config, cluster, state }: StreamInfo): OutputOf<typeof clusterStatus>['streams'][number] {
  const leader = cluster?.leader;
  const followers = cluster?.replicas ?? [];
  return {
    name: config.name,
    messages: state.messages,
    copies: [
      ...(leader === undefined || leader === '' ? [] : [{ server: leader, leads: true, current: true }]),
      ...followers.map((copy) => ({ server: copy.name, leads: false, current: copy.current && !copy.offline })),
    ].toSorted((a, b) => a.server.localeCompare(b.server)),
  };
}
