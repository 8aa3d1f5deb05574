import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamInfo,
} from '@nats-io/jetstream';

/** The ledger's stream. The only function that names it: spreading users over several streams changes this line. */
export function streamOf(_userId: string): string {
  return 'AUTH';
}

export function subjectOf(userId: string): string {
  return `auth.${userId}`;
}

/** Messages older than this are gone; what must last longer is projected into Postgres before. */
const LEDGER_MAX_AGE_DAYS = 30;

const NANOSECONDS_PER_DAY = 86_400 * 1e9;

/**
 * Creates the stream, or leaves the one that exists. Full means refused, never the oldest thrown away (HA-40); nobody may
 * delete or purge a message.
 * @param replicas 3 in production, 1 on one machine.
 */
export async function ensureLedgerStream(manager: JetStreamManager, replicas: number): Promise<StreamInfo> {
  const name = streamOf('');
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  try {
    return await manager.streams.add({
      name,
      subjects: ['auth.*'],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      num_replicas: replicas,
      max_age: LEDGER_MAX_AGE_DAYS * NANOSECONDS_PER_DAY,
      max_msg_size: 16 * 1024,
      discard: DiscardPolicy.New,
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
    });
  } catch (error) {
    // Two replicas that start at once both try; the second finds it there.
    return manager.streams.info(name).catch(() => {
      throw error;
    });
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 10059 || error.code === 404);
}
