import type { Metrics, Tracing } from '@countersign/telemetry';
import type { UserLog } from './log.ts';
import { APPEND_SECONDS } from './metrics.ts';

export interface LogObservers {
  stream: string;
  metrics: Metrics;
  tracing: Tracing;
}

/** The same log, seen by operators: what its appends took and came to, and each request to JetStream in the trace of its login. */
export function observedLog(log: UserLog, { stream, metrics, tracing }: LogObservers): UserLog {
  const seconds = metrics.histogram(APPEND_SECONDS);
  const at = { kind: 'client', attributes: { 'countersign.stream': stream } } as const;
  return {
    last: (userId) => tracing.span('ledger.last', at, () => log.last(userId)),
    lastFromLeader: (userId) => tracing.span('ledger.lastFromLeader', at, () => log.lastFromLeader(userId)),
    successor: (userId, sequence) => tracing.span('ledger.successor', at, () => log.successor(userId, sequence)),
    at: (userId, sequence) => tracing.span('ledger.at', at, () => log.at(userId, sequence)),
    append: (userId, record, expectedSequence) =>
      tracing.span('ledger.append', at, async (span) => {
        const startedAt = performance.now();
        const result = await log.append(userId, record, expectedSequence);
        const { outcome } = result;
        seconds.observe({ stream, outcome }, (performance.now() - startedAt) / 1000);
        span.set({ 'countersign.outcome': outcome });
        return result;
      }),
  };
}
