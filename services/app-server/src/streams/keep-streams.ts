import type { NatsConnection } from '@nats-io/nats-core';

/**
 * Makes streams again that are kept in memory alone, whenever this process has lost NATS and found it again: a server that runs by itself has
 * forgotten them when it was restarted, and whoever needs them would be told UNAVAILABLE for good. A cluster has them again by itself, as
 * empty. What stood in them is gone either way.
 * @param make as at the start. It is called again until it succeeds.
 */
export async function keepStreams(
  nats: NatsConnection,
  make: () => Promise<unknown>,
  onProblem: (error: unknown) => void,
): Promise<void> {
  for await (const { type } of nats.status()) {
    if (type !== 'reconnect') continue;
    for (let isMade = false; !isMade && !nats.isClosed();) {
      try {
        await make();
        isMade = true;
      } catch (error) {
        onProblem(error);
      }
    }
  }
}
