import type { RecoveryFloor } from '../challenge/floor.ts';
import { RELEASE } from '../release/release.ts';
import type { LedgerContinuity } from './continuity.ts';

/** What app-servers tell each other of the ledger: hints that can only raise the floor, never lower it. */
export interface PeerView {
  /** Names one run of one replica: one that was restarted knows nothing of what it knew before. */
  run: string;
  floor: RecoveryFloor;
  /** The highest sequence that it knows to have been acknowledged to anybody. */
  highest: number;
  /** It decides logins now: it has proven continuity and had no reason to doubt it since. */
  isProven: boolean;
  /** It is stopping and appends nothing any more. */
  isLeaving?: true;
  /** What it is; the first release did not say. */
  release?: number;
}

export interface Peers {
  /** What the others answer within the time. */
  ask(by: string, withinMs: number): Promise<PeerView[]>;
  tell(view: PeerView): void;
}

/** How the stream stands. */
export interface StreamStanding {
  lastSequence: number;
  /** When it was created, ms since the epoch. */
  createdAt: number;
  /** How many copies there are to be. */
  copies: number;
  /**
   * Names the server processes that run and hold all of the stream, as far as they are known. A server that was started anew has
   * another name: it may have forgotten what it had not written to the disk.
   */
  processes: readonly string[];
  /** Of all that run and hold a copy, whether or not it is whole. */
  reachable: readonly string[];
}

/** What a replica that finds nobody alive can still know of those before it. */
export interface Remembered {
  createdAt: number;
  processes: readonly string[];
  floor: RecoveryFloor;
  /** The last replica to leave wrote where the stream ended; undefined while any runs, or when the last one was killed. */
  closedAt: number | undefined;
}

export interface Memory {
  /** @throws when it cannot be read. */
  recall(): Promise<Remembered | undefined>;
  /** Remembers how things stand, and that replicas run. @throws when it cannot be written. */
  keep(standing: Omit<Remembered, 'closedAt'>, by: string): Promise<void>;
  /** Remembers where the stream ended, if nobody but `left` has called keep() meanwhile. @throws when it cannot be written. */
  close(lastSequence: number, left: readonly string[]): Promise<void>;
}

export interface WatchDependencies {
  run: string;
  continuity: LedgerContinuity;
  peers: Peers;
  memory: Memory;
  /**
   * @param inDoubt it is asked again soon, and decisions wait: so nobody waits long for one answer.
   * @throws when the stream has no leader or does not answer in time.
   */
  stream: (inDoubt: boolean) => Promise<StreamStanding>;
  /** The highest sequence that was projected into Postgres; rejects when no node answers. */
  highestProjected: () => Promise<number>;
  /** Ms that never go back. */
  uptime: () => number;
  sleep: (ms: number) => Promise<void>;
  onProblem: (error: unknown) => void;
}

/** How often watch() is to be called. */
export const WATCH_EVERY_MS = 1000;
/**
 * How long a look at the stream stands for its continuity. A stream that lost messages without our connection being lost was
 * without a leader for longer, since none is elected sooner (nats-server: 4 s).
 */
const LOOK_HOLDS_MS = 4000;
/** One question to the others, which is repeated: one that is just connecting again did not get it. */
const ASK_MS = 300;
/** How long a replica that starts looks for others. Longer than a busy machine makes them wait, or each start would raise the floor. */
const FIND_WITHIN_MS = 1000;
/** How long those who were there before the connection was lost are waited for. */
const MISS_AFTER_MS = 5000;
/** Who was silent for so long before a look at the stream cannot know of more than the look has shown. */
const FORGET_AFTER_MS = 4000;
/**
 * How long a lower end of the stream must be told before it is believed: a leader that was cut off, or hung, tells for a moment where its
 * copy ended, until it hears that another was elected. What was lost stays lost.
 */
const BELIEVED_AFTER_MS = 4000;
const TOLD_EVERY_MS = 500;
/** How long one that leaves waits to hear of others that leave with it. */
const FAREWELL_MS = 200;
const RETRY_MS = 500;

/**
 * Proves at start, again after every lost connection, and every second, that the ledger still holds what it held (see ADR 5);
 * while there is a doubt nothing is decided.
 */
export class LedgerWatch {
  readonly #deps: WatchDependencies;
  /** Every run that was heard of and has not left, and when. Nobody is forgotten while there is a doubt. */
  readonly #heard = new Map<string, number>();
  readonly #left = new Set<string>();
  #standing: StreamStanding | undefined;
  #kept: Omit<Remembered, 'closedAt'> | undefined;
  #doubts = 0;
  #proving: Promise<void> | undefined;
  #isWatching = false;
  #isLeaving = false;

  constructor(deps: WatchDependencies) {
    this.#deps = deps;
  }

  /** Resolves when continuity is proven, or a loss was assumed. */
  async start(): Promise<void> {
    while (!this.#hasStarted && !this.#isLeaving) {
      await this.#prove();
      if (!this.#hasStarted) await this.#deps.sleep(RETRY_MS);
    }
    this.tell();
  }

  /** To be called every WATCH_EVERY_MS. Never rejects. */
  async watch(): Promise<void> {
    if (this.#isWatching || this.#isLeaving || !this.#hasStarted) return;
    this.#isWatching = true;
    if (this.#deps.continuity.isProven()) await this.#look();
    if (!this.#deps.continuity.isProven()) await this.#prove();
    this.tell();
    await this.#remember().catch(this.#deps.onProblem);
    this.#isWatching = false;
  }

  /** The connection was lost: whatever happens to the ledger now goes unnoticed. */
  doubt(): void {
    this.#doubts += 1;
    this.#deps.continuity.doubt();
  }

  async reconnected(): Promise<void> {
    this.doubt();
    await this.#proving;
    if (this.#hasStarted && !this.#deps.continuity.isProven()) await this.#prove();
  }

  hear(view: PeerView): void {
    const { run, continuity, uptime } = this.#deps;
    if (view.run === run) return;
    if (view.isLeaving) this.#left.add(view.run);
    if (this.#left.has(view.run)) this.#heard.delete(view.run);
    else this.#heard.set(view.run, uptime());
    continuity.hear(view.floor, view.highest);
  }

  /** What to answer another replica, which runs as well, since it asks. One that never proved anything is no witness. */
  asked(by: string): PeerView | undefined {
    if (by === this.#deps.run) return undefined;
    this.#heard.set(by, this.#deps.uptime());
    return this.#hasStarted && !this.#isLeaving ? this.#view() : undefined;
  }

  /** Tells the others how this replica sees the ledger, above all of a loss that it noticed. */
  tell(): void {
    if (this.#hasStarted && !this.#isLeaving) this.#deps.peers.tell(this.#view());
  }

  /** Says farewell; the last to leave remembers where the stream ended. To be called when nothing is appended any more. */
  async leave(): Promise<void> {
    const { continuity, peers, memory, run, stream, sleep, onProblem } = this.#deps;
    this.#isLeaving = true;
    if (!continuity.isProven()) return;
    peers.tell({ ...this.#view(), isLeaving: true });
    await sleep(FAREWELL_MS);
    if (this.#heard.size > 0 || !continuity.isProven()) return;
    await stream(false)
      .then((standing) => {
        if (standing.lastSequence < continuity.highest() || this.#isOther(standing)) return undefined;
        return memory.close(standing.lastSequence, [run, ...this.#left]);
      })
      .catch(onProblem);
  }

  get #hasStarted(): boolean {
    return this.#standing !== undefined;
  }

  #prove(): Promise<void> {
    const doubts = this.#doubts;
    this.#proving ??= this.#proveUnless(() => this.#doubts !== doubts)
      .catch(this.#deps.onProblem)
      .finally(() => (this.#proving = undefined));
    return this.#proving;
  }

  /** @param isOvertaken whether the connection was lost again meanwhile, so that all that was heard proves nothing. */
  async #proveUnless(isOvertaken: () => boolean): Promise<void> {
    const { continuity, stream, highestProjected, memory } = this.#deps;
    const ranOn = this.#standing !== undefined && hasRunOn(await stream(true), this.#standing);
    // Where the servers themselves vouch, the others are heard, and those who are gone are not waited for.
    const views = await this.#ask(ranOn ? 0 : undefined);
    const projected = await highestProjected().catch(() => 0);
    const remembered = this.#hasStarted ? undefined : await memory.recall().catch(() => undefined);
    if (isOvertaken()) return;
    for (const view of views) this.hear(view);
    // Last, since all that was acknowledged to anybody whom we asked must then be in it.
    const { standing, until } = await this.#believed(projected, views);
    if (isOvertaken()) return;
    continuity.raise({ at: standing.createdAt });
    if (remembered !== undefined) continuity.raise(remembered.floor);
    const isWitnessed = this.#isWitnessed(standing, views, remembered);
    // What was remembered of the end holds for one start only.
    if (isWitnessed && remembered?.closedAt !== undefined) await this.#keep(standing);
    if (isOvertaken()) return;
    continuity.check(standing.lastSequence, isWitnessed ? projected : undefined, until);
    this.#standing = standing;
  }

  /**
   * How the stream stands, asked again for as long as it tells of an end that is known to be passed; or, with somebody missing, for as long
   * as its servers do not vouch in their place: on a slow network their copies are behind at one moment and whole at the next. Nothing is
   * decided meanwhile.
   */
  async #believed(projected: number, views: readonly PeerView[]): Promise<{ standing: StreamStanding; until: number }> {
    const { continuity, stream, uptime, sleep } = this.#deps;
    const before = this.#standing;
    const isVouched = (standing: StreamStanding) =>
      before === undefined || standing.copies === 1 || hasRunOn(standing, before) || this.#missing(views).length === 0;
    const since = uptime();
    for (;;) {
      const askedAt = uptime();
      const standing = await stream(true);
      const isWhole = standing.lastSequence >= Math.max(continuity.highest(), projected);
      if ((isWhole && isVouched(standing)) || askedAt - since >= BELIEVED_AFTER_MS || this.#isLeaving)
        return { standing, until: askedAt + LOOK_HOLDS_MS };
      await sleep(TOLD_EVERY_MS);
    }
  }

  /** Whether everybody who may have heard an acknowledgement was asked, or nothing can have been lost since somebody was. */
  #isWitnessed(standing: StreamStanding, views: PeerView[], remembered: Remembered | undefined): boolean {
    if (this.#standing !== undefined) return hasRunOn(standing, this.#standing) || this.#missing(views).length === 0;
    if (views.some(({ isProven }) => isProven)) return true;
    if (remembered === undefined) return false;
    if (hasRunOn(standing, remembered)) return true;
    const { closedAt, createdAt } = remembered;
    return closedAt !== undefined && createdAt === standing.createdAt && closedAt <= standing.lastSequence;
  }

  #missing(views: readonly PeerView[]): string[] {
    return [...this.#heard.keys()].filter((run) => !views.some((view) => view.run === run));
  }

  async #ask(withinMs = this.#hasStarted ? MISS_AFTER_MS : FIND_WITHIN_MS): Promise<PeerView[]> {
    const { peers, run, uptime } = this.#deps;
    const until = uptime() + withinMs;
    const views: PeerView[] = [];
    const isEnough = () =>
      this.#hasStarted ? this.#missing(views).length === 0 : views.some(({ isProven }) => isProven);
    do views.push(...(await peers.ask(run, ASK_MS)));
    while (!isEnough() && uptime() < until && !this.#isLeaving);
    return views;
  }

  /** So that what one replica saw acknowledged outlives it, and a stream that lost its leader raises a doubt. */
  async #look(): Promise<void> {
    const { continuity, stream, uptime, onProblem } = this.#deps;
    const doubts = this.#doubts;
    const askedAt = uptime();
    const before = continuity.highest();
    const floor = continuity.floor();
    const standing = await stream(false).catch(onProblem);
    if (this.#doubts !== doubts) return;
    if (standing === undefined || this.#isOther(standing)) return this.doubt();
    const isSameFloor = continuity.floor().at === floor.at;
    if (isSameFloor && standing.lastSequence < before) return this.doubt();
    if (isSameFloor && standing.createdAt !== this.#standing?.createdAt) continuity.lost();
    else if (isSameFloor) continuity.hear(floor, standing.lastSequence);
    continuity.extend(askedAt + LOOK_HOLDS_MS);
    this.#standing = standing;
    for (const [run, at] of this.#heard) if (at < askedAt - FORGET_AFTER_MS) this.#heard.delete(run);
  }

  async #remember(): Promise<void> {
    if (this.#standing !== undefined && this.#deps.continuity.isProven()) await this.#keep(this.#standing);
  }

  async #keep(standing: StreamStanding): Promise<void> {
    const { continuity, memory, run } = this.#deps;
    const kept = { createdAt: standing.createdAt, processes: standing.processes, floor: continuity.floor() };
    if (this.#kept !== undefined && isWorth(this.#kept, standing) && this.#kept.floor.at === kept.floor.at) return;
    await memory.keep(kept, run);
    this.#kept = kept;
  }

  /** Where one process holds the stream, and it is not the one from before. Of a cluster a look says less (see hasRunOn). */
  #isOther(standing: StreamStanding): boolean {
    return standing.copies === 1 && this.#standing !== undefined && !hasRunOn(standing, this.#standing);
  }

  #view(): PeerView {
    const { run, continuity } = this.#deps;
    return {
      run,
      floor: continuity.floor(),
      highest: continuity.highest(),
      isProven: continuity.isProven(),
      release: RELEASE,
    };
  }
}

/**
 * Whether most of the copies are held by processes that held all of the stream then and have run since, and nobody is there who was
 * started anew. What runs has forgotten nothing, what was acknowledged is on most of the copies, so on one of these, and they elect no
 * copy that lacks it; one that was started anew may have forgotten, and voted for such a copy.
 */
function hasRunOn(
  { processes, reachable, copies, createdAt }: StreamStanding,
  before: Pick<StreamStanding, 'processes' | 'createdAt'>,
): boolean {
  const still = processes.filter((process) => before.processes.includes(process));
  const isNobodyNew = reachable.every((process) => before.processes.includes(process));
  return createdAt === before.createdAt && isNobodyNew && still.length > copies / 2;
}

/** What was kept vouches as well as what would be kept now: a copy that is behind for a moment is nothing to write down. */
function isWorth(kept: Pick<StreamStanding, 'processes' | 'createdAt'>, now: StreamStanding): boolean {
  if (kept.createdAt !== now.createdAt) return false;
  if (now.processes.length < now.copies) return hasRunOn(now, kept) || now.processes.length <= now.copies / 2;
  return now.processes.every((process) => kept.processes.includes(process));
}
