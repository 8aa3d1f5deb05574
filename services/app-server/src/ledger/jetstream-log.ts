import { JetStreamApiError, type JetStreamClient, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { decodeRecord, encodeRecord } from './record.ts';
import { placeOf } from '../streams/place.ts';
import type { Partition } from './partition.ts';
import type { AppendOutcome, Stored, UserLog } from './log.ts';

const WRONG_LAST_SEQUENCE = 10071;

/** One part of the ledger's log on JetStream. Timeouts are those of the client and manager it is given. */
export function jetStreamLog(
  client: JetStreamClient,
  manager: JetStreamManager,
  { stream, prefix }: Partition,
): UserLog {
  const subjectOf = (userId: string) => `${prefix}${userId}`;
  return {
    last: async (userId) => stored(await manager.direct.getMessage(stream, { last_by_subj: subjectOf(userId) })),

    lastFromLeader: async (userId) =>
      stored(await manager.streams.getMessage(stream, { last_by_subj: subjectOf(userId) })),

    at: async (_userId, sequence) => stored(await manager.streams.getMessage(stream, { seq: sequence })),

    // A replica that lags answers "nobody"; then the append is repeated and refused, and this is asked again.
    successor: async (userId, sequence) =>
      stored(await manager.direct.getMessage(stream, { seq: sequence + 1, next_by_subj: subjectOf(userId) })),

    append: async (userId, record, expectedSequence): Promise<AppendOutcome> => {
      try {
        const subject = subjectOf(userId);
        const ack = await client.publish(subject, encodeRecord(record), {
          expect: { lastSubjectSequence: expectedSequence },
          ...placeOf(subject, expectedSequence),
          // One try here; repeating an append is the ledger's business, which first looks whether it happened.
          retries: 0,
        });
        // Somebody, perhaps an earlier try of ours, took the place.
        return ack.duplicate ? { outcome: 'taken' } : { outcome: 'stored', sequence: ack.seq };
      } catch (error) {
        if (error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE) return { outcome: 'taken' };
        return { outcome: 'unknown' };
      }
    },
  };
}

function stored(message: StoredMsg | null): Stored | undefined {
  return message === null ? undefined : { record: decodeRecord(message.data), sequence: message.seq };
}
