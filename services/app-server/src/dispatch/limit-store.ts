import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamApiError, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import { MfaError } from '@countersign/contracts';
import { LIMITS, limitsSubject } from './streams.ts';
import { placeOf } from '../streams/place.ts';

/** What a change makes of a record: a new one, or none when it leaves it as it is. */
export interface Change<Value, Result> {
  record?: Value;
  result: Result;
}

/**
 * One small JSON record per key, changed by conditional append only: read, decide, append on condition that nobody else did;
 * whoever's append is acknowledged has changed it (INV-15). No change is made on the strength of a read.
 */
export interface LimitStore {
  /**
   * @param key dot-separated, fit for a NATS subject; nothing personal in it but as a keyed hash.
   * @param change pure. Called again with the newer record when somebody else was faster.
   * @throws MfaError UNAVAILABLE when it could not be settled in time. The change may then have been made.
   */
  update<Value, Result>(key: string, change: (record: Value | undefined) => Change<Value, Result>): Promise<Result>;
}

export interface LimitStoreDependencies {
  jetstream: JetStreamClient;
  manager: JetStreamManager;
  /** For jitter and for the ids of appends. */
  randomBytes: (size: number) => Buffer;
  /** Longest time for one update; 10 s unless given, so that the election of a stream leader is waited for. */
  deadlineMs?: number;
}

interface Waiting {
  change: (record: unknown) => Change<unknown, unknown>;
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
  giveUpAt: number;
}

const WRONG_LAST_SEQUENCE = 10071;
const WRONG_LAST_SEQUENCE_UNKNOWN = 10164;
/** A record is parsed and written whole, so what travels together is bounded; the rest goes with the next append. */
const MAX_TOGETHER = 256;
const LONGEST_PAUSE_MS = 250;

export function createLimitStore(deps: LimitStoreDependencies): LimitStore {
  const { jetstream, manager, randomBytes, deadlineMs = 10_000 } = deps;
  const queues = new Map<string, Waiting[]>();

  return {
    update(key, change) {
      return new Promise((resolve, reject) => {
        const waiting: Waiting = {
          change: change as Waiting['change'],
          resolve: resolve as Waiting['resolve'],
          reject,
          giveUpAt: performance.now() + deadlineMs,
        };
        const queue = queues.get(key);
        if (queue !== undefined) {
          queue.push(waiting);
          return;
        }
        // One runner per key: this process never competes with itself, and what gathers meanwhile shares the next append.
        queues.set(key, [waiting]);
        void run(key);
      });
    },
  };

  async function run(key: string): Promise<void> {
    for (let queue = queues.get(key); queue !== undefined && queue.length > 0; queue = queues.get(key)) {
      await settle(key, queue.splice(0, MAX_TOGETHER));
    }
    queues.delete(key);
  }

  /** Brings all of them to an end, whatever happens: nobody waits for a runner that died. */
  async function settle(key: string, together: Waiting[]): Promise<void> {
    let open = together;
    for (let tries = 0; open.length > 0; tries++) {
      if (tries > 0) await sleep(jitter(tries));
      const late = open.filter(({ giveUpAt }) => performance.now() >= giveUpAt);
      for (const waiting of late)
        waiting.reject(new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'limits' }));
      open = open.filter((waiting) => !late.includes(waiting));
      if (open.length > 0 && (await attempt(key, open))) return;
    }
  }

  /** Reads, applies every change in turn, appends once. False: somebody else was faster, or nobody knows. */
  async function attempt(key: string, open: Waiting[]): Promise<boolean> {
    const subject = limitsSubject(key);
    let sequence: number;
    let record: unknown;
    try {
      const stored = await manager.streams.getMessage(LIMITS, { last_by_subj: subject });
      sequence = stored?.seq ?? 0;
      record = stored === null ? undefined : stored.json();
    } catch {
      return false;
    }
    const results: unknown[] = [];
    let changed = false;
    for (const waiting of open) {
      const { record: next, result } = waiting.change(record);
      results.push(result);
      if (next === undefined) continue;
      record = next;
      changed = true;
    }
    if (changed && !(await append(subject, record, sequence))) return false;
    for (const [n, waiting] of open.entries()) waiting.resolve(results[n]);
    return true;
  }

  /**
   * True only when the stream's leader has acknowledged it. When the acknowledgement is lost the same append is sent again
   * under the same id, which the stream keeps once. If that is not answered either, the caller reads again; what it wanted may
   * then be counted twice, which errs on the side of sending less.
   */
  async function append(subject: string, record: unknown, sequence: number): Promise<boolean> {
    for (let tries = 0; tries < 2; tries++) {
      try {
        const { duplicate } = await jetstream.publish(subject, JSON.stringify(record), {
          ...placeOf(subject, sequence),
          expect: { streamName: LIMITS, lastSubjectSequence: sequence },
        });
        // Somebody took the place: if it was an earlier try of ours, the budget is reserved twice, which errs to the safe side.
        return !duplicate;
      } catch (error) {
        if (isConflict(error)) return false;
      }
    }
    return false;
  }

  function jitter(tries: number): number {
    return (randomBytes(2).readUInt16BE(0) / 0xffff) * Math.min(LONGEST_PAUSE_MS, 2 ** tries);
  }
}

function isConflict(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  return error.code === WRONG_LAST_SEQUENCE || error.code === WRONG_LAST_SEQUENCE_UNKNOWN;
}
