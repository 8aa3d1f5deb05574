import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Metrics } from '@countersign/telemetry';
import type { NatsConnection } from '@nats-io/nats-core';
import { BUS_DELAY, STRAINED } from './metrics.ts';

/** What one look found. */
export interface Look {
  /** When it was begun and ended, ms of uptime. */
  from: number;
  to: number;
  /** How long a message waited in this process and between it and NATS. */
  delayMs: number;
  /** Of the time of the look, the part in which this process was at work; 1 is all of it. */
  busy: number;
}

export interface Strain {
  readonly isStrained: () => boolean;
  readonly stop: () => void;
}

const LOOK_EVERY_MS = 100;
/** An operation waits for several such ways there and back, one after the other. */
const LONG_DELAY_MS = 200;
/** A far network delays as well; only a process that never rests has itself to blame. */
const BUSY = 0.9;
/**
 * So long, and over so many looks, a delay must last: a pause for garbage is no queue, and what waited for NATS to elect a leader comes all
 * at once and is worked off.
 */
const STANDING_MS = 2000;
const STANDING_LOOKS = 3;

/** Tells a queue that stands from one that comes and goes, as CoDel does (RFC 8289): by the shortest delay of a while, not the longest. */
export function createStrainGauge(): { see(look: Look): boolean } {
  let since: number | undefined;
  let looks = 0;
  return {
    see: ({ from, to, delayMs, busy }) => {
      if (delayMs < LONG_DELAY_MS || busy < BUSY) {
        since = undefined;
        looks = 0;
        return false;
      }
      since ??= from;
      looks += 1;
      return looks >= STANDING_LOOKS && to - since >= STANDING_MS;
    },
  };
}

/**
 * Sends a message to NATS and back again and again. What is asked of this process waits in the same places, so the time tells how
 * long it waits there, whatever the clocks say.
 */
export function watchStrain(nats: NatsConnection, metrics?: Metrics): Strain {
  const gauge = createStrainGauge();
  const stopping = new AbortController();
  let strained = false;
  let delayMs: number | undefined;
  metrics?.gauge(BUS_DELAY, () => (delayMs === undefined ? undefined : delayMs / 1000));
  metrics?.gauge(STRAINED, () => (strained ? 1 : 0));
  void watch();

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      const from = performance.now();
      const worked = performance.eventLoopUtilization();
      await sleep(LOOK_EVERY_MS, undefined, { ref: false, signal: stopping.signal }).catch(() => undefined);
      const woken = performance.now();
      try {
        await nats.rtt();
      } catch {
        // Without NATS nothing is asked of us.
        strained = false;
        continue;
      }
      const to = performance.now();
      delayMs = to - woken + Math.max(0, woken - from - LOOK_EVERY_MS);
      const { utilization: busy } = performance.eventLoopUtilization(worked);
      strained = gauge.see({ from, to, delayMs, busy });
    }
  }

  return { isStrained: () => strained, stop: () => stopping.abort() };
}
