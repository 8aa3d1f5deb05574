import type { Logger, MetricDefinition, Metrics } from '@countersign/telemetry';

/** Another clock, and how far it is ahead of ours in ms; undefined when it could not be asked. */
export interface ClockReading {
  name: string;
  aheadMs: number | undefined;
}

export interface ClockVerdict {
  /** `wrong`: most of the others say that ours is. `warn`: somebody's is off, by name. */
  level: 'ok' | 'warn' | 'wrong';
  /** What most of the others say of ours, ms. */
  skewMs: number;
  /** Whose clock is off, where it is not ours. */
  odd: readonly string[];
}

/** HA-50. */
const WARN_MS = 2000;
const WRONG_MS = 10_000;

const CLOCK_SKEW: MetricDefinition = {
  name: 'countersign_clock_skew_seconds',
  help: 'How far the clocks of NATS and Postgres are ahead of this replica; above 10 s it takes no work.',
};

/**
 * Who is wrong is decided by most of those who answered: a replica whose own clock is off sees all others off, and one Postgres node
 * that is off is seen alone. With nobody to compare with nothing is concluded.
 */
export function judgeClocks(readings: readonly ClockReading[]): ClockVerdict {
  const known = readings.flatMap(({ name, aheadMs }) => (aheadMs === undefined ? [] : [{ name, aheadMs }]));
  if (known.length === 0) return { level: 'ok', skewMs: 0, odd: [] };
  const byDistance = known.toSorted((a, b) => Math.abs(a.aheadMs) - Math.abs(b.aheadMs));
  const skewMs = byDistance[Math.floor((known.length - 1) / 2)]?.aheadMs ?? 0;
  if (Math.abs(skewMs) > WRONG_MS) return { level: 'wrong', skewMs, odd: [] };
  const odd = known.filter(({ aheadMs }) => Math.abs(aheadMs - skewMs) > WARN_MS).map(({ name }) => name);
  return { level: Math.abs(skewMs) > WARN_MS || odd.length > 0 ? 'warn' : 'ok', skewMs, odd };
}

export interface ClockWatchDependencies {
  /** ms since the epoch. */
  now: () => number;
  /** Ms that never go back. */
  uptime: () => number;
  /** Asks the others; one that does not answer has no reading. */
  read: () => Promise<ClockReading[]>;
  logger: Logger;
  metrics: Metrics;
}

/** How often the others are asked, and at once when the own clock has jumped. */
export const CLOCK_LOOK_MS = 30_000;
/** While it is wrong, so that a replica is back soon after its clock is. */
const WRONG_LOOK_MS = 2000;
/** How often tick() is to be called. */
export const CLOCK_TICK_MS = 1000;

/** Takes a replica out of service while its clock is wrong: what it decided would be too early or too late (HA-50). */
export class ClockWatch {
  readonly #deps: ClockWatchDependencies;
  #verdict: ClockVerdict = { level: 'ok', skewMs: 0, odd: [] };
  /** The wall clock less the one that never goes back; it changes when somebody sets the clock. */
  #difference: number;
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;
  #isRight = true;
  #readings: readonly ClockReading[] = [];

  constructor(deps: ClockWatchDependencies) {
    this.#deps = deps;
    this.#difference = deps.now() - deps.uptime();
    deps.metrics.gauge(CLOCK_SKEW, () => this.#verdict.skewMs / 1000);
  }

  get isRight(): boolean {
    return this.#isRight;
  }

  /** Of the others, when they were last asked. */
  get readings(): readonly ClockReading[] {
    return this.#readings;
  }

  /** @throws while this replica takes no work. */
  assertRight(): void {
    if (this.#isRight) return;
    const seconds = Math.round(Math.abs(this.#verdict.skewMs) / 1000);
    throw new Error(`the clock of this machine is ${seconds} s off: set it right (chrony, NTP)`);
  }

  /** To be called every CLOCK_TICK_MS. Never rejects. */
  async tick(): Promise<void> {
    const { now, uptime } = this.#deps;
    const jumpMs = Math.abs(now() - uptime() - this.#difference);
    this.#difference = now() - uptime();
    // Between the jump and the answer of the others nobody knows the time.
    if (jumpMs > WRONG_MS) this.#isRight = false;
    const every = this.#isRight ? CLOCK_LOOK_MS : WRONG_LOOK_MS;
    if (jumpMs > WARN_MS || uptime() - this.#lookedAt >= every) await this.look();
  }

  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { read, uptime, logger } = this.#deps;
    this.#lookedAt = uptime();
    const readings = await read();
    this.#readings = readings;
    // Nobody to ask: what was last known stands.
    if (!readings.some(({ aheadMs }) => aheadMs !== undefined)) return;
    const before = this.#verdict;
    this.#verdict = judgeClocks(readings);
    const { level, skewMs, odd } = this.#verdict;
    if (level !== before.level || String(odd) !== String(before.odd)) {
      const whose = odd.length === 0 ? 'The clock of this machine' : `The clock of ${odd.join(', ')}`;
      if (level === 'ok') logger.info('clock.right', {});
      else
        logger.error('clock.skewed', {
          ms: Math.round(skewMs),
          detail: `${whose} is off. Set it right (chrony, NTP).`,
        });
    }
    this.#isRight = level !== 'wrong';
  }
}
