import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { decodeIdempotencyRecord, encodeIdempotencyRecord, type IdempotencyRecord, type Sealer } from './record.ts';
import { IDEMPOTENCY } from './stream.ts';
import { placeOf } from '../streams/place.ts';

export interface StoredRecord {
  record: IdempotencyRecord;
  sequence: number;
}

/** `unknown`: the append may have happened, or may yet. `refused`: it never will. */
export type Appended = { stored: number } | 'taken' | 'unknown' | 'refused';

/** What was answered to each key, and who has one in hand: one record a key, changed by conditional append only. */
export interface Answers {
  /** A name for a claim that nobody else has. */
  newClaim(): string;
  append(subject: string, record: IdempotencyRecord, expectedSequence: number): Promise<Appended>;
  /** As the stream's leader knows it. @throws when it does not answer, or when the record cannot be opened. */
  last(subject: string): Promise<StoredRecord | undefined>;
}

const WRONG_LAST_SEQUENCE = 10071;
/** Another append to this subject is just being agreed on; its sequence is not known yet. */
const WRONG_LAST_SEQUENCE_UNKNOWN = 10164;
const TEMPORARY = 500;

export interface AnswersDependencies {
  jetstream: JetStreamClient;
  manager: JetStreamManager;
  ring: Sealer;
  randomBytes: (size: number) => Buffer;
}

/** Answers kept in JetStream; see stream.ts. */
export function createAnswers({ jetstream, manager, ring, randomBytes }: AnswersDependencies): Answers {
  return {
    newClaim: () => randomBytes(16).toString('base64url'),

    append: async (subject, record, expectedSequence) => {
      try {
        const ack = await jetstream.publish(subject, encodeIdempotencyRecord(ring, subject, record), {
          expect: { streamName: IDEMPOTENCY, lastSubjectSequence: expectedSequence },
          ...placeOf(subject, expectedSequence),
          retries: 0,
        });
        return ack.duplicate ? 'taken' : { stored: ack.seq };
      } catch (error) {
        return whatBecameOf(error);
      }
    },

    last: async (subject) => {
      const message = await manager.streams.getMessage(IDEMPOTENCY, { last_by_subj: subject });
      return message === null
        ? undefined
        : { record: decodeIdempotencyRecord(ring, subject, message.data), sequence: message.seq };
    },
  };
}

function whatBecameOf(error: unknown): Appended {
  if (!(error instanceof JetStreamApiError)) return 'unknown';
  if (error.code === WRONG_LAST_SEQUENCE || error.code === WRONG_LAST_SEQUENCE_UNKNOWN) return 'taken';
  return error.status >= TEMPORARY ? 'unknown' : 'refused';
}
