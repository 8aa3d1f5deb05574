import { crc32 } from 'node:zlib';
import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamInfo,
} from '@nats-io/jetstream';
import { ensureStream } from '../streams/ensure-stream.ts';

/**
 * A part of the users and the stream that holds their records. In a cluster each stream has its own leader, so a leader that dies
 * holds up the users of its streams and nobody else.
 */
export interface Partition {
  readonly stream: string;
  /** What every subject of the stream begins with; a user's id follows. */
  readonly prefix: string;
  /** Where app-servers tell each other of this stream. */
  readonly peers: string;
}

export const MOST_PARTITIONS = 16;

/** All users, where one stream holds them. */
export const UNDIVIDED: Partition = { stream: 'AUTH', prefix: 'auth.', peers: 'peers.ledger' };

/**
 * All parts of the ledger. How many there are is decided once for an installation, since a user who moved to another stream would
 * leave the spent codes behind (layout.ts).
 * @param count 1 to MOST_PARTITIONS.
 */
export function partitionsOf(count: number): readonly Partition[] {
  if (count === 1) return [UNDIVIDED];
  return Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    return { stream: `AUTH_${number}`, prefix: `auth.${number}.`, peers: `peers.ledger.${number}` };
  });
}

/** Which of `count` parts a user belongs to, from 0. The same on every replica and for ever. */
export function partOf(userId: string, count: number): number {
  return crc32(userId) % count;
}

/** Messages older than this are gone; what must last longer is projected into Postgres before. */
const LEDGER_MAX_AGE_DAYS = 30;

const NANOSECONDS_PER_DAY = 86_400 * 1e9;

/**
 * Creates the stream, or leaves the one that exists. Full means refused, never the oldest thrown away (HA-40); nobody may
 * delete or purge a message.
 * @param replicas 3 in production, 1 on one machine.
 */
export function ensureLedgerStream(
  manager: JetStreamManager,
  { stream, prefix }: Partition,
  replicas: number,
): Promise<StreamInfo> {
  return ensureStream(
    manager,
    {
      name: stream,
      subjects: [`${prefix}*`],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      num_replicas: replicas,
      max_age: LEDGER_MAX_AGE_DAYS * NANOSECONDS_PER_DAY,
      max_msg_size: 16 * 1024,
      discard: DiscardPolicy.New,
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
    },
    'leave',
  );
}
