import { JetStreamApiError, type JetStreamClient, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { decodeRecord, encodeRecord } from './record.ts';
import { STATE_FORMS, type Settled } from './state-form.ts';
import { placeOf } from '../streams/place.ts';
import type { Partition } from './partition.ts';
import type { AppendOutcome, Stored, UserLog } from './log.ts';

const WRONG_LAST_SEQUENCE = 10071;
/** Any copy answers a read, in well under a millisecond; one on a server that hangs does not. Then the leader is asked as well. */
const COPY_ANSWERS_WITHIN_MS = 250;

/** One part of the ledger's log on JetStream. Timeouts are those of the client and manager it is given. */
export function jetStreamLog(
  client: JetStreamClient,
  manager: JetStreamManager,
  { stream, prefix }: Partition,
  settled: Settled,
  forms = STATE_FORMS,
): UserLog {
  const subjectOf = (userId: string) => `${prefix}${userId}`;
  const stored = (message: StoredMsg | null): Stored | undefined =>
    message === null ? undefined : { record: decodeRecord(message.data, settled, forms), sequence: message.seq };
  return {
    last: async (userId) => {
      const query = { last_by_subj: subjectOf(userId) };
      const fromAnyCopy = manager.direct.getMessage(stream, query);
      return stored(await firstAnswer(fromAnyCopy, () => manager.streams.getMessage(stream, query)));
    },

    lastFromLeader: async (userId) =>
      stored(await manager.streams.getMessage(stream, { last_by_subj: subjectOf(userId) })),

    at: async (_userId, sequence) => stored(await manager.streams.getMessage(stream, { seq: sequence })),

    // A replica that lags answers "nobody"; then the append is repeated and refused, and this is asked again.
    successor: async (userId, sequence) =>
      stored(await manager.direct.getMessage(stream, { seq: sequence + 1, next_by_subj: subjectOf(userId) })),

    append: async (userId, record, expectedSequence): Promise<AppendOutcome> => {
      try {
        const subject = subjectOf(userId);
        const ack = await client.publish(subject, encodeRecord(record, settled, forms), {
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

/** @param later is begun when the first takes too long. @throws when neither answers: what the first failed of. */
function firstAnswer<T>(first: Promise<T>, later: () => Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => {
    later().then(resolve, () => first.catch(reject));
  }, COPY_ANSWERS_WITHIN_MS);
  first.then(
    (answer) => {
      clearTimeout(timer);
      resolve(answer);
    },
    () => undefined,
  );
  return promise;
}
