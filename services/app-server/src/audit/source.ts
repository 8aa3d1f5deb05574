import {
  AckPolicy,
  DeliverPolicy,
  type Consumer,
  type ConsumerMessages,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { ledInfo } from '../streams/led-info.ts';
import type { StreamMessage } from './projected.ts';

/** What a stream says of itself. */
export interface StreamState {
  /** ms since the epoch. Another time means another stream of the same name, whose sequences begin anew. */
  created: number;
  /** Sequence of the oldest message that is kept; one after the last when none is. */
  first: number;
  last: number;
}

export interface Source {
  readonly stream: string;
  /** As the stream's leader knows it. */
  state(): Promise<StreamState>;
  message(sequence: number): Promise<StreamMessage | undefined>;
  /** Begins with the first message that is kept after this sequence. */
  readAfter(sequence: number): Promise<Reader>;
}

export interface Reader {
  /** Sequence of the last message that was handed out. */
  readonly position: number;
  /**
   * The next messages, in order and without a gap: as many as come within the time, perhaps none.
   * @throws when any was lost on the way. The reader is of no use any more then.
   */
  next(count: number, withinMs: number): Promise<StreamMessage[]>;
  /** A `next` under way ends with what it has. */
  close(): Promise<void>;
}

const NANOSECONDS_PER_MS = 1e6;
/** NATS itself forgets a reader whose process died. */
const FORGOTTEN_AFTER_MS = 30_000;

/**
 * A stream to be read in order by whoever is at it. Where to go on is known by the checkpoint in Postgres, written together with
 * what was read, so NATS is not told: nothing can then be acknowledged here and lost there.
 */
export function jetStreamSource(jetstream: JetStreamClient, manager: JetStreamManager, stream: string): Source {
  return {
    stream,

    state: async () => {
      const { created, state } = await ledInfo(manager, stream);
      return { created: Date.parse(created), first: state.first_seq, last: state.last_seq };
    },

    message: async (sequence) => {
      const found = await manager.streams.getMessage(stream, { seq: sequence });
      return found === null
        ? undefined
        : { sequence, subject: found.subject, data: found.data, storedAt: found.time.getTime() };
    },

    readAfter: async (sequence) => {
      const info = await manager.consumers.add(stream, {
        ack_policy: AckPolicy.None,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: sequence + 1,
        inactive_threshold: FORGOTTEN_AFTER_MS * NANOSECONDS_PER_MS,
        mem_storage: true,
        num_replicas: 1,
      });
      return readerOf(jetstream.consumers.getConsumerFromInfo(info), sequence);
    },
  };
}

function readerOf(consumer: Consumer, after: number): Reader {
  let position = after;
  let delivered = 0;
  let batch: ConsumerMessages | undefined;
  return {
    get position() {
      return position;
    },

    next: async (count, withinMs) => {
      const messages: StreamMessage[] = [];
      batch = await consumer.fetch({ max_messages: count, expires: withinMs });
      for await (const message of batch) {
        const { deliverySequence, timestampNanos, streamSequence } = message.info;
        delivered += 1;
        if (deliverySequence !== delivered) throw new Error('a message was lost between NATS and here');
        messages.push({
          sequence: streamSequence,
          subject: message.subject,
          data: message.data,
          storedAt: Math.floor(timestampNanos / NANOSECONDS_PER_MS),
        });
      }
      position = messages.at(-1)?.sequence ?? position;
      return messages;
    },

    close: async () => {
      batch?.stop();
      await consumer.delete().catch(() => undefined);
    },
  };
}
