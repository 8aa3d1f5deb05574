import { MfaError, type RadiusAttribute } from '@countersign/contracts';
import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import type { KeyRing } from '../keys/ring.ts';
import { ensureStream } from '../streams/ensure-stream.ts';

/** What upstream servers have said of logins that are under way: one message for each. In memory, since it outlives no login. */
export const RADIUS = 'RADIUS';

/** Longer than any login takes, with as many challenges as a client may have. */
const KEPT_SECONDS = 3600;
const NANOSECONDS_PER_SECOND = 1e9;
const MAX_BYTES = 67_108_864;
/** nats-server `errors.json`: JSStreamWrongLastSequenceErrF. */
const TAKEN = 10_071;
const TRIES = 3;

/** Holds keys of connections, so it is sealed, and for one login only. */
export interface Kept {
  /** Before anybody hears that the password was right. @throws MfaError UNAVAILABLE */
  put(login: string, attributes: readonly RadiusAttribute[]): Promise<void>;
  /** @throws MfaError UNAVAILABLE when it cannot be read, or is not there any more: without it nobody is let in. */
  get(login: string): Promise<RadiusAttribute[]>;
}

/** Creates the stream, or brings it to this build's settings. */
export async function ensureRadiusStream(manager: JetStreamManager, replicas: number): Promise<void> {
  await ensureStream(
    manager,
    {
      name: RADIUS,
      subjects: ['radius.*'],
      retention: RetentionPolicy.Limits,
      storage: StorageType.Memory,
      num_replicas: replicas,
      max_msgs_per_subject: 1,
      max_age: KEPT_SECONDS * NANOSECONDS_PER_SECOND,
      max_bytes: MAX_BYTES,
      max_msg_size: 16 * 1024,
      discard: DiscardPolicy.New,
      allow_direct: false,
    },
    'update',
  );
}

export function jetStreamKept(
  client: JetStreamClient,
  manager: JetStreamManager,
  ring: Pick<KeyRing, 'seal' | 'open'>,
): Kept {
  return {
    put: async (login, attributes) => {
      const sealed = ring.seal(Buffer.from(JSON.stringify(attributes)), placeOf(login));
      let cause: unknown;
      for (let tries = 0; tries < TRIES; tries += 1) {
        try {
          await client.publish(`radius.${login}`, sealed, { expect: { lastSubjectSequence: 0 } });
          return;
        } catch (error) {
          // Stored by the try before, whose acknowledgement was lost.
          if (error instanceof JetStreamApiError && error.code === TAKEN) return;
          cause = error;
        }
      }
      throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'upstream answer not kept', cause });
    },

    get: async (login) => {
      try {
        const message = await manager.streams.getMessage(RADIUS, { last_by_subj: `radius.${login}` });
        if (message === null) throw new Error('forgotten');
        return JSON.parse(ring.open(message.string(), placeOf(login)).toString()) as RadiusAttribute[];
      } catch (cause) {
        throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'upstream answer unread', cause });
      }
    },
  };
}

function placeOf(login: string): string {
  return `radius/upstream/${login}`;
}
