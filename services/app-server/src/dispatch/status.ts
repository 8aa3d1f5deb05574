import { MfaError, type InputOf, type messageStatus, type OutputOf } from '@countersign/contracts';
import { currentTrace, type Metrics } from '@countersign/telemetry';
import type { Trail } from '../audit/trail.ts';
import type { CarrierPool } from './carriers/pool.ts';
import { MESSAGE_STATUS } from './metrics.ts';

export interface MessageStatusDependencies {
  pool: Pick<CarrierPool, 'find'>;
  trail: Trail;
  metrics: Metrics;
  now: () => number;
}

/**
 * Takes a carrier's word on a message, when it is proved to be the carrier's. It becomes a row of the audit and a number in the
 * metrics, and changes nothing else: no challenge, no budget, no choice of carrier (TEL-20).
 * @throws MfaError FORBIDDEN when the carrier is not known, or the report is not signed by it; the caller learns not which.
 */
export async function recordMessageStatus(
  { pool, trail, metrics, now }: MessageStatusDependencies,
  input: InputOf<typeof messageStatus>,
  { attemptId }: { attemptId: string },
): Promise<OutputOf<typeof messageStatus>> {
  const { carrier, path, body } = input;
  const headers = Object.fromEntries(Object.entries(input.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const report = pool.find(carrier)?.readStatus?.({ path, headers, body: Buffer.from(body, 'base64') }, now());
  const reports = metrics.counter(MESSAGE_STATUS);
  if (report === undefined) {
    reports.inc({ carrier: 'unknown', status: 'refused' });
    throw new MfaError('FORBIDDEN', { reason: 'delivery report not proved' });
  }
  reports.inc({ carrier, status: report.status });
  const traceId = currentTrace()?.traceId;
  await trail.record({ type: 'message.status', at: now(), attemptId, traceId, detail: { carrier, ...report } });
  return {};
}
