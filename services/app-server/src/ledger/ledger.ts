import { MfaError } from '@countersign/contracts';
import type { Decision } from '../challenge/decide.ts';
import type { DatedEvent, UserEvent } from '../challenge/events.ts';
import type { RecoveryFloor } from '../challenge/floor.ts';
import { evolve } from '../challenge/evolve.ts';
import { INITIAL_STATE, restoredState, type UserState } from '../challenge/state.ts';
import type { Continuity } from './continuity.ts';
import type { AttemptBefore, LedgerRecord } from './record.ts';
import type { Stored, UserLog } from './log.ts';
import { RecordUnreadable } from './state-form.ts';

/** One decision that was recorded. */
export interface Recorded {
  event: DatedEvent;
  state: UserState;
  sequence: number;
}

export interface LedgerDependencies {
  log: UserLog;
  continuity: Continuity;
  /** What was projected of a user whose subject holds no message. Called only then. */
  projected: (userId: string) => Promise<UserState | undefined>;
  replica: string;
  now: () => number;
  random: () => number;
  sleep: (ms: number) => Promise<void>;
}

export interface ActOptions {
  traceId?: string | undefined;
  /** Nothing is appended after it, since nobody waits for the answer any more. In ms since the epoch. */
  deadline: number;
}

/** Places in a user's history that are tried for before UNAVAILABLE; between them a wait that doubles, with jitter (HA-15). */
const MAX_TRIES = 8;
const FIRST_WAIT_MS = 4;
const LONGEST_WAIT_MS = 400;
/** Between two looks whether a doubt is over. */
const LOOK_AGAIN_MS = 20;
/** What must not be recorded twice for one attempt, however late its second copy arrives. */
const LETS_IN: ReadonlySet<UserEvent['type']> = new Set([
  'challenge.approved',
  'challenge.claimed',
  'invitation.accepted',
  'bypass.granted',
  'bypass.used',
  'enrolment.granted',
  'enrolment.used',
  'identity.accepted',
  'password.accepted',
]);
/** How many attempts of a user are known by name, besides the newest; and of those that let the user in. */
const REMEMBERED_ATTEMPTS = 8;
const REMEMBERED_APPROVALS = 4;
/** How long after it was asked for a decision may still be appended, so that none comes long after its time (INV-6). */
const LONGEST_ACT_MS = 10_000;
/** Who looks without saying how long they can wait would rather hear that it is not to be had: a look decides nothing. */
const LONGEST_PEEK_MS = 2000;

/** A replica whose clock is further off has long taken itself out of work. */
const LONGEST_SKEW_MS = 60_000;

/**
 * The one way in which anything is decided: read, decide, append on condition that nothing happened meanwhile, and only then
 * tell anybody. There is no other write.
 */
export class Ledger {
  readonly #deps: LedgerDependencies;

  constructor(deps: LedgerDependencies) {
    this.#deps = deps;
  }

  /**
   * The state as any replica knows it: good enough to look at, never to decide on.
   * @param suffices whether it shows what is looked for. If not, it may be old, and the leader is asked before it is believed (HA-11).
   * @param until how long to go on trying, ms since the epoch.
   */
  async peek(
    userId: string,
    suffices: (state: UserState) => boolean = () => true,
    until = this.#deps.now() + LONGEST_PEEK_MS,
  ): Promise<UserState> {
    const { log } = this.#deps;
    const state = await this.#standing(userId, await this.#readOr(() => log.last(userId), until));
    if (suffices(state)) return state;
    return this.#standing(userId, await this.#readOr(() => log.lastFromLeader(userId), until));
  }

  /**
   * Decides and records. The same attempt twice is given the first event again, unless much happened between.
   * @throws MfaError the refusal of `decide`, or UNAVAILABLE when no append was acknowledged in time, or nobody knows whether the
   * ledger lost something meanwhile; then nothing was said to anybody, whatever became of the append.
   */
  async act(
    userId: string,
    attemptId: string,
    decide: (state: UserState, now: number, floor: RecoveryFloor) => Decision,
    options: ActOptions,
  ): Promise<Recorded> {
    const { log, now, continuity } = this.#deps;
    const deadline = Math.min(options.deadline, now() + LONGEST_ACT_MS);
    await this.#proven(deadline);
    let last = await this.#readOr(() => log.last(userId), deadline);
    let fromLeader = false;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const state = await this.#standing(userId, last);
      const already = await this.#already(userId, attemptId, last, deadline);
      if (already !== undefined) return this.#told(already, deadline);
      const floor = continuity.floor();
      const decision = decide(state, now(), floor);
      if ('refuse' in decision) {
        // The read may have been old. A stale "no" is asked again, of the leader, before it is believed (HA-11).
        if (fromLeader) throw decision.refuse;
        const current = await this.#readOr(() => log.lastFromLeader(userId), deadline);
        if (current?.sequence === last?.sequence) throw decision.refuse;
        last = current;
        fromLeader = true;
        continue;
      }
      const record = this.#record(attemptId, decision.append, state, floor.at, last, options);
      const stored = await this.#append(userId, record, last?.sequence ?? 0, deadline);
      if (stored !== undefined) return this.#told(stored, deadline);
      await this.#wait(tries);
      last = await this.#readOr(() => log.lastFromLeader(userId), deadline);
      fromLeader = true;
    }
    throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'append contended' });
  }

  /** The state to decide on. What is older than a loss may have forgotten something (see restoredState). */
  async #standing(userId: string, last: Stored | undefined): Promise<UserState> {
    if (last === undefined) return this.#start(userId);
    // Whoever wrote it may know of a loss that nobody has told us of.
    this.#deps.continuity.hear({ at: last.record.floorAt }, last.sequence);
    return this.#isCurrent(last.record) ? last.record.state : restoredState(last.record.state);
  }

  /** What this attempt recorded earlier. */
  async #already(
    userId: string,
    attemptId: string,
    last: Stored | undefined,
    deadline: number,
  ): Promise<Stored | undefined> {
    if (last === undefined || last.record.attemptId === attemptId) return last;
    const [, sequence] = last.record.before.find(([before]) => before === attemptId) ?? [];
    if (sequence === undefined) return undefined;
    const found = await this.#readOr(() => this.#deps.log.at(userId, sequence), deadline);
    if (found?.record.attemptId === attemptId) return found;
    throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'earlier attempt unread' });
  }

  #isCurrent(record: LedgerRecord): boolean {
    return record.floorAt >= this.#deps.continuity.floor().at;
  }

  /** What may be said now that it is recorded: nothing, if meanwhile there is a doubt whether it was decided on all that happened. */
  async #told({ record, sequence }: Stored, deadline: number): Promise<Recorded> {
    await this.#proven(deadline);
    if (!this.#isCurrent(record)) {
      throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'decided before a loss' });
    }
    return { event: record.event, state: record.state, sequence };
  }

  #record(
    attemptId: string,
    event: UserEvent,
    before: UserState,
    floorAt: number,
    last: Stored | undefined,
    { traceId }: ActOptions,
  ): LedgerRecord {
    const { now, replica } = this.#deps;
    const dated: DatedEvent = { ...event, at: dateAfter(last?.record.event.at, now()) };
    return {
      attemptId,
      event: dated,
      state: evolve(before, dated),
      floorAt,
      before: last === undefined ? [] : remembered([attemptOf(last), ...last.record.before]),
      replica,
      ...(traceId !== undefined && { traceId }),
    };
  }

  /**
   * One place in the user's history, one message. An acknowledgement that was lost is cleared up by looking who took the place:
   * our attempt, and it happened; another, and it did not; nobody, and the same bytes are sent again for the same place.
   * @returns what is stored, which another replica may have appended for the same attempt; undefined when another attempt took
   * the place.
   */
  async #append(
    userId: string,
    record: LedgerRecord,
    expectedSequence: number,
    deadline: number,
  ): Promise<Stored | undefined> {
    const { log, continuity, now } = this.#deps;
    // Of the first try: the message may date from then.
    const mark = continuity.highest();
    // Without a leader every try fails at once: how many there were says nothing, only the time does.
    for (let tries = 0; now() < deadline; tries++) {
      // What is appended to a ledger that went back, before anybody has looked, would hide how much is missing.
      await this.#proven(deadline);
      const result = await log.append(userId, record, expectedSequence);
      if (result.outcome === 'stored') {
        continuity.acknowledged(result.sequence, mark);
        return { record, sequence: result.sequence };
      }
      if (result.outcome === 'taken' && tries === 0) return undefined;
      await this.#wait(tries);
      const taker = await log.successor(userId, expectedSequence).catch(() => 'unanswered' as const);
      if (taker === 'unanswered' || taker === undefined) continue;
      if (taker.record.attemptId !== record.attemptId) return undefined;
      continuity.acknowledged(taker.sequence, mark);
      return taker;
    }
    throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'append unacknowledged' });
  }

  /** A connection that was lost comes back, and NATS elects another leader, in less time than a caller waits. */
  async #proven(deadline: number): Promise<void> {
    const { continuity, now, sleep } = this.#deps;
    while (!continuity.isProven() && now() < deadline - LOOK_AGAIN_MS) await sleep(LOOK_AGAIN_MS);
    continuity.assertProven();
  }

  async #start(userId: string): Promise<UserState> {
    const projected = await this.#deps.projected(userId).catch((error: unknown) => {
      throw error instanceof RecordUnreadable ? unread(error) : error;
    });
    return projected === undefined ? INITIAL_STATE : restoredState(projected);
  }

  /** Tries until the deadline, since a leader that was lost has a successor before it. */
  async #readOr(read: () => Promise<Stored | undefined>, deadline: number): Promise<Stored | undefined> {
    for (let tries = 0; ; tries++) {
      try {
        return await read();
      } catch (error) {
        if (this.#deps.now() >= deadline || error instanceof RecordUnreadable) throw unread(error);
        await this.#wait(tries);
      }
    }
  }

  #wait(tries: number): Promise<void> {
    const bound = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries);
    return this.#deps.sleep(bound * (0.5 + this.#deps.random() / 2));
  }
}

/** What followed is not dated before what it followed, where the clocks of two replicas disagree; nor, far from now, by a clock gone mad. */
function dateAfter(before: number | undefined, now: number): number {
  return before !== undefined && before - now <= LONGEST_SKEW_MS ? Math.max(before, now) : now;
}

function unread(cause: unknown): MfaError {
  return new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'ledger unread', cause });
}

function attemptOf({ record, sequence }: Stored): AttemptBefore {
  return LETS_IN.has(record.event.type) ? [record.attemptId, sequence, 'yes'] : [record.attemptId, sequence];
}

/** The newest, and the newest that let the user in: a storm of wrong codes must not drown an answer that was lost on its way. */
function remembered(before: readonly AttemptBefore[]): AttemptBefore[] {
  const approvals = before.filter(([, , said]) => said === 'yes').slice(0, REMEMBERED_APPROVALS);
  return before.filter((attempt, index) => index < REMEMBERED_ATTEMPTS || approvals.includes(attempt));
}
