import type { AppendOutcome, Stored, UserLog } from '../log.ts';
import type { LedgerRecord } from '../record.ts';
import type { StreamStanding } from '../watch.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** What can go wrong between a replica and the stream: the chance of each, for one request. */
export interface NetworkFaults {
  /** It never arrives. */
  lost: number;
  /** It arrives, and the answer does not come back. */
  replyLost: number;
  /** It arrives after the replica gave up waiting, and perhaps after it asked again. */
  late: number;
  /** It arrives twice. */
  twice: number;
  /** A read is answered by a node that is behind, as far as one likes. */
  stale: number;
}

export interface Entry extends Stored {
  userId: string;
  at: number;
}

/** The stream AUTH as it can be at its worst: what was acknowledged and not yet synced to disk can be lost. */
export class StreamModel {
  createdAt: number;
  /** How often each server process was started anew. */
  readonly #starts: number[];
  /** No leader: nothing is answered. */
  isUp = true;
  /** Everything that was ever stored, and what was lost of it. For the judges, not for the replicas. */
  readonly everStored: Entry[] = [];
  readonly everLost = new Set<Entry>();
  #entries: Entry[] = [];
  #byUser = new Map<string, Entry[]>();
  #synced = 0;

  constructor(now: number, isCluster: boolean) {
    this.createdAt = now;
    this.#starts = isCluster ? [0, 0, 0] : [0];
  }

  get standing(): StreamStanding {
    const { lastSequence, createdAt } = this;
    const processes = this.#starts.map((starts, index) => `server ${index} ${starts}`);
    return { lastSequence, createdAt, copies: processes.length, processes, reachable: processes };
  }

  get lastSequence(): number {
    return this.#entries.length;
  }

  /** The newest record of a user as it was after `upTo`. */
  last(userId: string, upTo = Infinity): Stored | undefined {
    return this.#byUser.get(userId)?.findLast(({ sequence }) => sequence <= upTo);
  }

  successor(userId: string, sequence: number, upTo = Infinity): Stored | undefined {
    return this.#byUser.get(userId)?.find((entry) => entry.sequence > sequence && entry.sequence <= upTo);
  }

  at(sequence: number): Stored | undefined {
    return this.#entries[sequence - 1];
  }

  /** @param expectedSequence undefined: whatever there is. Only a ledger that is known to be wrong leaves it out. */
  append(userId: string, record: LedgerRecord, expectedSequence: number | undefined, at: number): AppendOutcome {
    if (expectedSequence !== undefined && (this.last(userId)?.sequence ?? 0) !== expectedSequence) {
      return { outcome: 'taken' };
    }
    const entry = { record, sequence: this.lastSequence + 1, userId, at };
    this.#entries.push(entry);
    this.#byUser.set(userId, [...(this.#byUser.get(userId) ?? []), entry]);
    this.everStored.push(entry);
    return { outcome: 'stored', sequence: entry.sequence };
  }

  sync(): void {
    this.#synced = this.lastSequence;
  }

  /** Nothing is answered until it is up again. */
  goDown(): void {
    this.isUp = false;
    this.#start(0);
  }

  /** What was not synced is gone, from some message on. @returns how many messages. */
  rollBack(random: SeededRandom): number {
    this.#startMost(random.between(0, 2));
    return this.#keep(random.between(Math.min(this.#synced, this.lastSequence), this.lastSequence));
  }

  /** As after losing all disks, or a restore from nothing. */
  recreate(now: number): number {
    this.createdAt = now;
    this.#startMost(0);
    return this.#keep(0);
  }

  /** Only together can most of the copies forget; one of three may run on. */
  #startMost(spared: number): void {
    if (this.#starts.length === 1) return;
    for (const index of this.#starts.keys()) if (index !== spared) this.#start(index);
  }

  #start(index: number): void {
    this.#starts[index] = (this.#starts[index] ?? 0) + 1;
  }

  #keep(count: number): number {
    const lost = this.#entries.slice(count);
    for (const entry of lost) this.everLost.add(entry);
    this.#entries = this.#entries.slice(0, count);
    this.#synced = Math.min(this.#synced, count);
    this.#byUser = Map.groupBy(this.#entries, ({ userId }) => userId);
    return lost.length;
  }
}

/** How long a replica waits for the stream's answer. */
const TIMEOUT_MS = 1000;
/** A late request is buffered no longer than this. */
const LATEST_MS = 8000;

/** Runs what a process does next, unless it was killed meanwhile. */
export type Resume = (next: () => void) => void;

/** One replica's connection to the stream. */
export class LogConnection implements UserLog {
  isOpen = true;
  /** Requests on their way when it changes are not answered any more. */
  #generation = 0;
  readonly #stream: StreamModel;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #faults: NetworkFaults;
  readonly #resume: Resume;

  constructor(
    stream: StreamModel,
    {
      scheduler,
      random,
      faults,
      resume,
    }: { scheduler: Scheduler; random: SeededRandom; faults: NetworkFaults; resume: Resume },
  ) {
    this.#stream = stream;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#faults = faults;
    this.#resume = resume;
  }

  break(): void {
    this.isOpen = false;
    this.#generation += 1;
  }

  open(): void {
    this.isOpen = true;
  }

  last(userId: string): Promise<Stored | undefined> {
    return this.#read(() => this.#stream.last(userId, this.#upTo()));
  }

  lastFromLeader(userId: string): Promise<Stored | undefined> {
    return this.#read(() => this.#stream.last(userId));
  }

  successor(userId: string, sequence: number): Promise<Stored | undefined> {
    return this.#read(() => this.#stream.successor(userId, sequence, this.#upTo()));
  }

  at(_userId: string, sequence: number): Promise<Stored | undefined> {
    return this.#read(() => this.#stream.at(sequence));
  }

  standing(): Promise<StreamStanding> {
    return this.#read(() => this.#stream.standing);
  }

  append(userId: string, record: LedgerRecord, expectedSequence: number | undefined): Promise<AppendOutcome> {
    const { promise, resolve } = Promise.withResolvers<AppendOutcome>();
    const evaluate = () => this.#stream.append(userId, record, expectedSequence, this.#scheduler.now);
    this.#request(evaluate, resolve, () => resolve({ outcome: 'unknown' }));
    return promise;
  }

  #read<T>(evaluate: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#request(evaluate, resolve, () => reject(new Error('timeout')));
    return promise;
  }

  /** Any older prefix of the stream may answer a read that need not go to the leader. */
  #upTo(): number {
    return this.#random.chance(this.#faults.stale) ? this.#random.between(0, this.#stream.lastSequence) : Infinity;
  }

  /** Exactly one of `answered` and `unanswered` is called, unless the process dies. */
  #request<T>(evaluate: () => T, answered: (answer: T) => void, unanswered: () => void): void {
    const random = this.#random;
    const generation = this.#generation;
    const wasOpen = this.isOpen;
    let settled = false;
    const settle = (next: () => void) =>
      this.#resume(() => {
        if (settled) return;
        settled = true;
        next();
      });
    const arrive = (replies: boolean) => {
      if (!this.#stream.isUp) return;
      const answer = evaluate();
      if (!replies) return;
      this.#scheduler.after(this.#latencyMs(), () => {
        if (generation === this.#generation) settle(() => answered(answer));
      });
    };

    this.#scheduler.after(TIMEOUT_MS, () => settle(unanswered));
    const { lost, replyLost, late, twice } = this.#faults;
    if (random.chance(lost)) return;
    // A client that lost its connection keeps what it was to send, and sends it when it is connected again.
    if (!wasOpen || random.chance(late)) {
      this.#scheduler.after(random.between(TIMEOUT_MS / 4, LATEST_MS), () => arrive(false));
      return;
    }
    this.#scheduler.after(this.#latencyMs(), () => arrive(!random.chance(replyLost)));
    if (random.chance(twice)) this.#scheduler.after(this.#latencyMs() * 3, () => arrive(true));
  }

  #latencyMs(): number {
    return this.#random.chance(0.05) ? this.#random.between(50, TIMEOUT_MS) : this.#random.between(1, 10);
  }
}
