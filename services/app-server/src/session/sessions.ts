import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError, type KeptSession, type SessionPlace } from '@countersign/contracts';
import { JetStreamApiError, type JetStreamClient, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { placeOf } from '../streams/place.ts';
import { ALL, hashOf, streamOf, subjectOf } from './stream.ts';

/**
 * Sessions of the portal: one message each, read from the leader of its stream, written on condition.
 * All throw MfaError UNAVAILABLE, at the latest at `deadline`, ms since the epoch.
 */
export interface Sessions {
  load(place: SessionPlace, deadline: number): Promise<KeptSession | undefined>;
  /**
   * @param expected the sequence that it was read with; 0: there is none yet.
   * @returns the new sequence; undefined when somebody else was first.
   */
  keep(place: SessionPlace, kept: string, expected: number, deadline: number): Promise<number | undefined>;
  drop(place: SessionPlace, deadline: number): Promise<void>;
  of(userId: string, deadline: number): Promise<KeptSession[]>;
  /** Whoever shows one of them afterwards, at whichever portal, is nobody. @returns how many there were. */
  endAll(userId: string, deadline: number): Promise<number>;
}

/** Longer than NATS takes to elect a leader, shorter than a caller waits. */
const WITHIN_MS = 9000;
const PAUSE_MS = 200;
/** nats-server: `JSStreamWrongLastSequenceErrF`. */
const WRONG_LAST_SEQUENCE = 10_071;
/** Nobody has as many; what an older message of a listing would say is of no use. */
const MOST_LISTED = 200;

export function natsSessions(manager: JetStreamManager, jetstream: JetStreamClient, now: () => number): Sessions {
  /** What is asked for may be asked for twice. */
  const patiently = <T>(deadline: number, work: () => Promise<T>) =>
    repeated(work, Math.min(WITHIN_MS, deadline - now()));

  const find = async (place: SessionPlace) => {
    const message = await manager.streams.getMessage(streamOf(place), { last_by_subj: subjectOf(place) });
    return message === null ? undefined : keptIn(message);
  };

  /** @returns undefined when somebody else was first. */
  const append = async (place: SessionPlace, kept: string, expected: number): Promise<number | undefined> => {
    const subject = subjectOf(place);
    try {
      const { seq, duplicate } = await jetstream.publish(subject, kept, {
        expect: { lastSubjectSequence: expected },
        ...placeOf(subject, expected),
      });
      return duplicate ? undefined : seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE) return undefined;
      throw error;
    }
  };

  return {
    load: (place, deadline) => patiently(deadline, () => find(place)),
    keep: (place, kept, expected, deadline) =>
      patiently(deadline, async () => {
        const sequence = await append(place, kept, expected);
        if (sequence !== undefined) return sequence;
        // The acknowledgement of an earlier try may have been lost: then it is this that is there.
        const there = await find(place);
        return there?.kept === kept ? there.sequence : undefined;
      }),
    drop: async (place, deadline) => {
      await patiently(deadline, () => manager.streams.purge(streamOf(place), { filter: subjectOf(place) }));
    },
    of: (userId, deadline) =>
      patiently(deadline, async () => {
        const owner = { owner: userId, hash: ALL };
        const { state } = await manager.streams.info(streamOf(owner), { subjects_filter: subjectOf(owner) });
        const hashes = Object.keys(state.subjects ?? {}).slice(0, MOST_LISTED);
        const found = await Promise.all(hashes.map((subject) => find({ owner: userId, hash: hashOf(subject) })));
        return found.flatMap((session) => session ?? []);
      }),
    endAll: (userId, deadline) =>
      patiently(deadline, async () => {
        const owner = { owner: userId, hash: ALL };
        return (await manager.streams.purge(streamOf(owner), { filter: subjectOf(owner) })).purged;
      }),
  };
}

function keptIn(message: StoredMsg): KeptSession {
  return { hash: hashOf(message.subject), kept: message.string(), sequence: message.seq };
}

async function repeated<T>(work: () => Promise<T>, withinMs: number): Promise<T> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    try {
      return await work();
    } catch (cause) {
      if (performance.now() + PAUSE_MS >= giveUpAt) {
        throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'sessions', cause });
      }
      await sleep(PAUSE_MS);
    }
  }
}
