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
/** Some 100,000 answers. Beyond it the oldest makes room: a flood costs logins that are older than so many others, and nobody a way in. */
const MAX_BYTES = 268_435_456;
/** nats-server `errors.json`: JSStreamWrongLastSequenceErrF. */
const TAKEN = 10_071;
const TRIES = 3;

/** What an upstream server said to one request. */
export interface Said {
  outcome: 'accept' | 'reject' | 'challenge';
  attributes: RadiusAttribute[];
  /** Of a challenge; base64. */
  state?: string;
}

/**
 * What upstream servers said, by the request that they were asked for: each is asked once, whichever replicas a request reaches. Holds keys of
 * connections, so it is sealed, and for one request only.
 */
export interface Kept {
  /** @returns who may ask: undefined where another replica asks, or has asked. @throws MfaError UNAVAILABLE */
  claim(request: string): Promise<Claimed | undefined>;
  /** Before anybody hears of it. @throws MfaError UNAVAILABLE */
  put(request: string, claimed: Claimed, said: Said): Promise<void>;
  /** @returns undefined where nothing was said yet, or it is long ago. @throws MfaError UNAVAILABLE */
  get(request: string): Promise<Said | undefined>;
}

export interface Claimed {
  sequence: number;
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
      discard: DiscardPolicy.Old,
      allow_direct: false,
    },
    'update',
  );
}

export function jetStreamKept(
  client: JetStreamClient,
  manager: JetStreamManager,
  ring: Pick<KeyRing, 'seal' | 'open'>,
  randomBytes: (size: number) => Buffer,
): Kept {
  const last = async (request: string) => {
    const message = await manager.streams.getMessage(RADIUS, { last_by_subj: subjectOf(request) });
    return message === null
      ? undefined
      : {
          sequence: message.seq,
          record: JSON.parse(ring.open(message.string(), placeOf(request)).toString()) as Record,
        };
  };
  /** @returns where it stands; undefined when something else stands there. */
  const append = async (request: string, record: Record, expected: number): Promise<number | undefined> => {
    const sealed = ring.seal(Buffer.from(JSON.stringify(record)), placeOf(request));
    let cause: unknown;
    for (let tries = 0; tries < TRIES; tries += 1) {
      try {
        const { seq } = await client.publish(subjectOf(request), sealed, { expect: { lastSubjectSequence: expected } });
        return seq;
      } catch (error) {
        cause = error;
        if (!(error instanceof JetStreamApiError) || error.code !== TAKEN) continue;
        // By the try before, perhaps, whose acknowledgement was lost.
        const found = await last(request);
        return found?.record.run === record.run && found.record.said?.outcome === record.said?.outcome
          ? found.sequence
          : undefined;
      }
    }
    throw cause;
  };
  return {
    claim: (request) =>
      orUnavailable('upstream answer not claimed', async () => {
        const sequence = await append(request, { run: randomBytes(9).toString('base64url') }, 0);
        return sequence === undefined ? undefined : { sequence };
      }),
    put: (request, { sequence }, said) =>
      orUnavailable('upstream answer not kept', async () => {
        const run = randomBytes(9).toString('base64url');
        if ((await append(request, { run, said }, sequence)) === undefined) throw new Error('something else is kept');
      }),
    get: (request) => orUnavailable('upstream answer unread', async () => (await last(request))?.record.said),
  };
}

interface Record {
  /** Random: tells the one that wrote it that it is its own. */
  run: string;
  /** Undefined: somebody asks. */
  said?: Said;
}

async function orUnavailable<T>(reason: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason, cause });
  }
}

function subjectOf(request: string): string {
  return `radius.${request}`;
}

function placeOf(request: string): string {
  return `radius/upstream/${request}`;
}
