import type { Metrics, Tracing } from '@countersign/telemetry';
import { advance, BREAKER_SETTINGS, CLOSED, isReady, type BreakerSettings, type BreakerState } from './breaker.ts';
import type { Carrier, OutgoingMessage, SendOutcome } from './carrier.ts';
import { CARRIER_OUTCOMES, CARRIER_RESTING, CARRIER_SECONDS } from '../metrics.ts';
import { orderOf } from './order.ts';

/** The last answer that was heard, and whose it was; nobody's when nobody could be asked. */
export type PoolOutcome = SendOutcome & { carrier?: string };

export interface CarrierPool {
  /**
   * Asks one carrier after the other until one does not definitely refuse (TEL-10).
   * @param named by the policy, first choice first.
   * @param last asked after all others.
   * @param makeMessage written anew for each carrier, or undefined when there is no sense in asking any more.
   */
  send(
    named: readonly string[],
    last: readonly string[],
    makeMessage: () => OutgoingMessage | undefined,
  ): Promise<PoolOutcome>;
  find(name: string): Carrier | undefined;
  /** For the operator: whom this replica would ask now. */
  states(): { name: string; phase: BreakerState['phase'] }[];
}

export interface PoolDependencies {
  carriers: readonly Carrier[];
  now: () => number;
  metrics: Metrics;
  tracing: Tracing;
  breaker?: BreakerSettings;
}

/** The carriers of this process, each with its circuit breaker. */
export function createCarrierPool({
  carriers,
  now,
  metrics,
  tracing,
  breaker = BREAKER_SETTINGS,
}: PoolDependencies): CarrierPool {
  const byName = new Map(carriers.map((carrier) => [carrier.name, carrier]));
  const states = new Map<string, BreakerState>(carriers.map(({ name }) => [name, CLOSED]));
  const outcomes = metrics.counter(CARRIER_OUTCOMES);
  const seconds = metrics.histogram(CARRIER_SECONDS);
  const resting = metrics.gauge(CARRIER_RESTING);
  for (const { name } of carriers) resting.set({ carrier: name }, 0);

  const stateOf = (name: string) => states.get(name) ?? CLOSED;
  const move = (name: string, event: 'begun' | 'succeeded' | 'failed') => {
    const next = advance(stateOf(name), event, now(), breaker);
    states.set(name, next);
    resting.set({ carrier: name }, next.phase === 'open' ? 1 : 0);
  };

  async function ask(carrier: Carrier, message: OutgoingMessage): Promise<SendOutcome> {
    const { name } = carrier;
    move(name, 'begun');
    const stop = seconds.startTimer({ carrier: name });
    // A carrier that throws is a mistake of ours, made at a moment that nobody knows.
    const at = { kind: 'client', attributes: { 'countersign.carrier': name } } as const;
    const outcome = await tracing.span('carrier.send', at, async (span) => {
      const said = await carrier.send(message).catch((): SendOutcome => ({ outcome: 'unknown', reason: 'fault' }));
      span.set({ 'countersign.outcome': said.outcome });
      return said;
    });
    stop();
    outcomes.inc({ carrier: name, outcome: outcome.outcome });
    move(name, isHealthy(outcome) ? 'succeeded' : 'failed');
    return outcome;
  }

  return {
    async send(named, last, makeMessage) {
      const chosen = orderOf(named, [...byName.keys()], () => true);
      if (chosen.length === 0) return { outcome: 'refused', retriable: false, reason: 'no_carrier' };
      const ready = orderOf(named, [...byName.keys()], (name) => isReady(stateOf(name), now()));
      // Some rest: what they would say is not known yet.
      let mayPass = ready.length < chosen.length;
      let refused = { reason: 'no_carrier_ready' } as { reason: string; carrier?: string };
      for (const name of [
        ...ready.filter((each) => !last.includes(each)),
        ...ready.filter((each) => last.includes(each)),
      ]) {
        const carrier = byName.get(name);
        const message = makeMessage();
        if (carrier === undefined || message === undefined) break;
        // Another message may have opened it since the order was made.
        if (!isReady(stateOf(name), now())) {
          mayPass = true;
          continue;
        }
        const outcome = await ask(carrier, message);
        if (outcome.outcome !== 'refused') return { ...outcome, carrier: name };
        mayPass ||= outcome.retriable;
        refused = { reason: outcome.reason, carrier: name };
      }
      return { outcome: 'refused', retriable: mayPass, ...refused };
    },
    find: (name) => byName.get(name),
    states: () => [...states].map(([name, { phase }]) => ({ name, phase })),
  };
}

/** A no that lies with the message says that the carrier is well. */
function isHealthy(outcome: SendOutcome): boolean {
  return outcome.outcome === 'accepted' || (outcome.outcome === 'refused' && !outcome.retriable);
}
