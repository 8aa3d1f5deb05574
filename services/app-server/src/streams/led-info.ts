import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';

/** Followers answer a leader every second. */
const HEARD_WITHIN_NS = 3e9;

/**
 * What the leader says of a stream, if it does lead: one that hung and runs again answers for a moment as if nothing had happened
 * meanwhile, and what it says of the stream's end is old.
 * @throws when nobody answers, or who answers has not heard of most copies lately.
 */
export async function ledInfo(manager: JetStreamManager, stream: string): Promise<StreamInfo> {
  const info = await manager.streams.info(stream);
  if (!leads(info)) throw new Error(`whoever leads ${stream} has not heard of most copies`);
  return info;
}

/**
 * Always, where one server holds the stream. A copy that knows of no leader answers as well, cut off with an old end of the stream; to it
 * the others are offline, and were active now, since it has not begun to count. Who answers is not among the replicas.
 */
export function leads({ cluster, config }: Pick<StreamInfo, 'config'> & Partial<Pick<StreamInfo, 'cluster'>>): boolean {
  if (cluster === undefined) return config.num_replicas === 1;
  const { leader, replicas = [] } = cluster;
  if (!leader || replicas.some(({ name }) => name === leader)) return false;
  const heard = replicas.filter(({ active, offline }) => !offline && active < HEARD_WITHIN_NS);
  return 1 + heard.length > config.num_replicas / 2;
}
