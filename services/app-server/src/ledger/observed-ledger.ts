import type { Metrics, Tracing } from '@countersign/telemetry';
import { countLogins } from '../challenge/count-logins.ts';
import type { UserLedger } from './partitioned-ledger.ts';

/** The same ledger, seen by operators: each decision is a span, and logins are counted by what was decided. */
export function observedLedger(
  ledger: UserLedger,
  { metrics, tracing }: { metrics: Metrics; tracing: Tracing },
): UserLedger {
  const count = countLogins(metrics);
  return {
    peek: (...given) => tracing.span('ledger.peek', {}, () => ledger.peek(...given)),
    act: (...given) =>
      tracing.span('ledger.act', {}, async (span) => {
        const recorded = await ledger.act(...given);
        span.set({ 'countersign.event': recorded.event.type });
        count(recorded);
        return recorded;
      }),
  };
}
