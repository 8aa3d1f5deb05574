import { currentTrace, type Logger, type Metrics } from '@countersign/telemetry';
import type { Trail, TrailEvent } from '../audit/trail.ts';
import type { Ending } from './deliver.ts';
import type { Job } from './job.ts';
import { MESSAGES_ENDED } from './metrics.ts';

export interface ReportDependencies {
  trail: Trail;
  metrics: Metrics;
  logger: Logger;
  now: () => number;
}

export interface Reported {
  messageId: string;
  /** Undefined when it could not be opened. */
  job: Job | undefined;
  deliveryCount: number;
  ending: Ending;
}

interface Row {
  event: string;
  reason?: string;
  detail?: Record<string, unknown>;
}

/** What the audit says of each way to end. A decoy leaves no row: nothing was to be sent, and its challenge has its own. */
const ROWS: { [E in Ending['end']]: (ending: Extract<Ending, { end: E }>) => Row | undefined } = {
  sent: ({ carrier, providerId, reference, resend, segments }) => ({
    event: 'message.sent',
    detail: { carrier, providerId, reference, resend, segments },
  }),
  unanswered: ({ carrier, reason, reference, resend }) => ({
    event: 'message.unanswered',
    reason,
    detail: { carrier, reference, resend },
  }),
  failed: ({ reason, carrier }) => ({ event: 'message.failed', reason, detail: { carrier } }),
  dropped: ({ reason }) => ({ event: 'message.dropped', reason }),
  decoy: () => undefined,
  again: ({ reason, unanswered }) =>
    unanswered === undefined
      ? undefined
      : { event: 'message.unanswered', reason, detail: { ...unanswered, resend: false } },
};

/** Counts it, records it, and logs what an operator should look at. Never throws: the message is settled already. */
export async function reportEnding(
  deps: ReportDependencies,
  { messageId, job, deliveryCount, ending }: Reported,
): Promise<void> {
  const { trail, metrics, logger, now } = deps;
  metrics.counter(MESSAGES_ENDED).inc({ outcome: ending.end });
  if (ending.end === 'failed')
    logger.error('message.failed', { messageId, reason: ending.reason, carrier: ending.carrier });
  if (ending.end === 'again')
    logger.warn('message.again', { messageId, reason: ending.reason, attempt: deliveryCount });

  const row = (ROWS[ending.end] as (ending: Ending) => Row | undefined)(ending);
  if (row === undefined) return;
  const { event: type, reason, detail } = row;
  const event: TrailEvent = {
    type,
    at: now(),
    attemptId: `${messageId}/${deliveryCount}`,
    ...(job !== undefined && { userId: job.userId, challengeId: job.challengeId, method: job.channel }),
    ...(reason !== undefined && { reason }),
    traceId: currentTrace()?.traceId,
    detail: { messageId, ...detail },
  };
  await trail.record(event).catch((error: unknown) => logger.error('message.trail', { messageId, error }));
}
