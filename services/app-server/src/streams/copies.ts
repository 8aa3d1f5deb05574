import type { ConsumerInfo, StreamInfo } from '@nats-io/jetstream';

/** The servers that hold a stream, or a consumer that keeps its place in copies of its own. */
export interface Copies {
  /** Undefined while none is elected, and where one server, outside a cluster, holds it. */
  leader: string | undefined;
  followers: readonly Follower[];
}

export interface Follower {
  server: string;
  /** Reached, and has all that the leader has. */
  isCurrent: boolean;
  /** Messages that it does not have yet. */
  lag: number;
}

/** What NATS says of them. */
export function copiesOf({ cluster }: Partial<Pick<StreamInfo | ConsumerInfo, 'cluster'>>): Copies {
  const leader = cluster?.leader;
  return {
    leader: leader === '' ? undefined : leader,
    followers: (cluster?.replicas ?? []).map(({ name, current, offline, lag }) => ({
      server: name,
      isCurrent: current && !offline,
      lag: lag ?? 0,
    })),
  };
}
