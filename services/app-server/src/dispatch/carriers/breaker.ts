/**
 * A circuit breaker for one carrier: after several failures in a row the carrier rests, then one message tries it out. Pure:
 * what time it is, is an argument, and the caller keeps the state.
 */
export type BreakerState =
  | { phase: 'closed'; failures: number }
  | { phase: 'open'; until: number; rests: number }
  | { phase: 'halfOpen'; until: number; rests: number };

export interface BreakerSettings {
  /** Failures in a row that open it. */
  failures: number;
  /** The first rest; each one that follows without a success is twice as long. */
  firstRestMs: number;
  longestRestMs: number;
  /** When nothing was heard of the message that tried it out for so long, another may. */
  probeMs: number;
}

export const BREAKER_SETTINGS: BreakerSettings = {
  failures: 5,
  firstRestMs: 5000,
  longestRestMs: 120_000,
  probeMs: 30_000,
};

export const CLOSED: BreakerState = { phase: 'closed', failures: 0 };

type Step<Phase extends BreakerState['phase']> = (
  state: Extract<BreakerState, { phase: Phase }>,
  now: number,
  settings: BreakerSettings,
) => BreakerState;

/** What each phase makes of a message that begins, succeeds or fails. One row per phase, one column per event. */
const STEPS: { [Phase in BreakerState['phase']]: Record<'begun' | 'succeeded' | 'failed', Step<Phase>> } = {
  closed: {
    begun: (state) => state,
    succeeded: () => CLOSED,
    failed: ({ failures }, now, settings) =>
      failures + 1 >= settings.failures ? rest(now, 1, settings) : { phase: 'closed', failures: failures + 1 },
  },
  open: {
    begun: (state, now, settings) =>
      now >= state.until ? { phase: 'halfOpen', until: now + settings.probeMs, rests: state.rests } : state,
    succeeded: () => CLOSED,
    // A message that was under way when it opened: known already.
    failed: (state) => state,
  },
  halfOpen: {
    begun: (state, now, settings) => (now >= state.until ? { ...state, until: now + settings.probeMs } : state),
    succeeded: () => CLOSED,
    failed: ({ rests }, now, settings) => rest(now, rests + 1, settings),
  },
};

/** Whether a message may be given to the carrier now. Whoever gives it one says so with `begun`, in the same breath. */
export function isReady(state: BreakerState, now: number): boolean {
  return state.phase === 'closed' || now >= state.until;
}

/** @param now milliseconds, of any clock as long as it is always the same one. */
export function advance(
  state: BreakerState,
  event: 'begun' | 'succeeded' | 'failed',
  now: number,
  settings: BreakerSettings,
): BreakerState {
  const step = STEPS[state.phase][event] as Step<BreakerState['phase']>;
  return step(state, now, settings);
}

function rest(now: number, rests: number, { firstRestMs, longestRestMs }: BreakerSettings): BreakerState {
  return { phase: 'open', until: now + Math.min(longestRestMs, firstRestMs * 2 ** (rests - 1)), rests };
}
