import type { StreamInfo } from '@nats-io/jetstream';
import type { Partition } from '../ledger/partition.ts';
import { StartRefused } from '../start-refused.ts';
import { wantedStreams, wrongSettings } from './wanted.ts';

/**
 * Refuses to decide on streams that somebody made weaker, or that keep fewer copies than was asked for: what is acknowledged there
 * may be gone. Streams that are not there yet are made as they must be.
 * @throws StartRefused
 */
export function assertStreams(
  infos: ReadonlyMap<string, StreamInfo | undefined>,
  partitions: readonly Partition[],
  copies: number,
): void {
  for (const { name, settings } of wantedStreams(partitions)) {
    const info = infos.get(name);
    if (info === undefined) continue;
    // The others are brought back at each start (ensure-stream.ts).
    const [wrong] = settings.deny_purge === true ? wrongSettings(settings, info) : [];
    if (wrong !== undefined) {
      throw new StartRefused(
        `The stream ${name} was changed: ${wrong}. What NATS acknowledges there can be gone afterwards. Bring it back with the nats ` +
          'tool; what NATS does not let you change back was so from the beginning.',
      );
    }
    const { num_replicas: kept } = info.config;
    if (kept < copies) {
      throw new StartRefused(
        `The stream ${name} has ${kept === 1 ? 'one copy' : `${kept} copies`}, and COUNTERSIGN_NATS_REPLICAS is ${copies}. Raise it: ` +
          `nats stream edit ${name} --replicas ${copies}`,
      );
    }
  }
}
