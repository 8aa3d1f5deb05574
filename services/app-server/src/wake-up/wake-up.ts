import type { PushSubscription } from '@countersign/contracts';
import type { Logger, Metrics } from '@countersign/telemetry';
import { WAKE_UPS } from './metrics.ts';

/** Where a phone can be woken. Whoever has it can reach the phone, so it is never logged. */
export type WakeUpTarget = WebPushTarget | FcmTarget | ApnsTarget;
export interface WebPushTarget {
  kind: 'web-push';
  deviceId: string;
  subscription: PushSubscription;
}
export interface FcmTarget {
  kind: 'fcm';
  deviceId: string;
  token: string;
}
export interface ApnsTarget {
  kind: 'apns';
  deviceId: string;
  token: string;
}
type WakeUpKind = WakeUpTarget['kind'];

/**
 * `gone`: the push service knows the phone no more, under this address. `failed`: everything else. Reasons are short words for logs; they
 * hold nothing of the address.
 */
export type WakeUpOutcome = { outcome: 'sent' | 'gone' } | { outcome: 'failed'; reason: string };

export interface WakeUpOptions {
  /** How long the wake-up is worth delivering: as long as the login waits. */
  ttlSeconds: number;
  /** Ends what is under way. */
  signal: AbortSignal;
}

/** One way to phones. What it sends says "look", and nothing of whom, of what or of how many (DEV-24). */
export interface WakeUpChannel<Target extends WakeUpTarget = WakeUpTarget> {
  readonly kind: Target['kind'];
  /** Tries once. */
  wake(target: Target, options: WakeUpOptions): Promise<WakeUpOutcome>;
  close(): Promise<void>;
}

/** `dropped`: too many were under way. `off`: this replica has no such channel. */
export type WakeUpResult = WakeUpOutcome['outcome'] | 'dropped' | 'off';

export interface WakeUpsDependencies {
  channels: readonly WakeUpChannel[];
  /** Forgets the subscription, if the device still has this very one: meanwhile it may have brought another. */
  onGone: (deviceId: string, target: WakeUpTarget) => Promise<void> | void;
  logger: Logger;
  metrics: Metrics;
  mostAtOnce?: number;
  timeoutMs?: number;
}

/** Of one kind. A push service that hangs holds as many, for as long as the time allows; the other kinds do not feel it. */
const MOST_AT_ONCE = 256;
const TIMEOUT_MS = 3000;
/** What the installation has set wrong, and not what a phone or the network did. */
const FAULT_OF_OURS = /^(http_40[013]|account|fault)/;

/**
 * Wakes phones, as well as it can and no better: nothing waits in a queue and nothing is tried again, for a phone that was not woken finds
 * the login when it polls.
 */
export class WakeUps {
  readonly #deps: WakeUpsDependencies;
  readonly #channels: ReadonlyMap<WakeUpKind, WakeUpChannel>;
  readonly #underWay = new Map<WakeUpKind, number>();

  constructor(deps: WakeUpsDependencies) {
    this.#deps = deps;
    this.#channels = new Map(deps.channels.map((channel) => [channel.kind, channel]));
  }

  /** Never throws, so that a login may leave it to itself. */
  async wake(target: WakeUpTarget, ttlSeconds: number): Promise<WakeUpResult> {
    const { kind } = target;
    const result = await this.#wakeUnlessMany(target, ttlSeconds);
    this.#deps.metrics.counter(WAKE_UPS).inc({ kind, result });
    return result;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#channels.values()].map((channel) => channel.close()));
  }

  async #wakeUnlessMany(target: WakeUpTarget, ttlSeconds: number): Promise<WakeUpResult> {
    const { kind } = target;
    const channel = this.#channels.get(kind);
    if (channel === undefined) return 'off';
    const underWay = this.#underWay.get(kind) ?? 0;
    if (underWay >= (this.#deps.mostAtOnce ?? MOST_AT_ONCE)) return 'dropped';
    this.#underWay.set(kind, underWay + 1);
    try {
      const said = await this.#withinTime((signal) => channel.wake(target, { ttlSeconds, signal }));
      if (said.outcome === 'failed') this.#note(kind, said.reason);
      if (said.outcome === 'gone') await this.#forget(target);
      return said.outcome;
    } finally {
      this.#underWay.set(kind, (this.#underWay.get(kind) ?? 1) - 1);
    }
  }

  async #withinTime(work: (signal: AbortSignal) => Promise<WakeUpOutcome>): Promise<WakeUpOutcome> {
    const ending = new AbortController();
    const { promise: late, resolve } = Promise.withResolvers<WakeUpOutcome>();
    const timer = setTimeout(() => {
      resolve({ outcome: 'failed', reason: 'timeout' });
      ending.abort();
    }, this.#deps.timeoutMs ?? TIMEOUT_MS);
    try {
      return await Promise.race([work(ending.signal), late]);
    } catch {
      // A channel that throws is a mistake of ours. Its words may quote the address.
      return { outcome: 'failed', reason: 'fault' };
    } finally {
      clearTimeout(timer);
    }
  }

  async #forget(target: WakeUpTarget): Promise<void> {
    try {
      await this.#deps.onGone(target.deviceId, target);
    } catch (error) {
      this.#deps.logger.warn('wakeup.unforgotten', { channel: target.kind, error });
    }
  }

  #note(kind: WakeUpKind, reason: string): void {
    const level = FAULT_OF_OURS.test(reason) ? 'warn' : 'debug';
    this.#deps.logger[level]('wakeup.failed', { channel: kind, reason });
  }
}
