import { JetStreamApiError, type JetStreamManager, type StreamInfo } from '@nats-io/jetstream';

/** Of nats-server, `errors.json`. */
const NOT_FOUND = 10_059;

/** @returns undefined when there is no such stream. */
export async function findStream(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === NOT_FOUND) return undefined;
    throw error;
  }
}
