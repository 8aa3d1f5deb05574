import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection, Subscription } from '@nats-io/nats-core';
import { parseTraceparent, withinTrace } from '@countersign/telemetry';
import type { KeyRing } from '../keys/ring.ts';
import { openJob, type Channel } from './job.ts';
import { reportEnding, type ReportDependencies } from './report.ts';
import { DISPATCH, sendersOf, TRACEPARENT } from './streams.ts';

export interface AbandonedDependencies extends ReportDependencies {
  nats: NatsConnection;
  manager: JetStreamManager;
  ring: Pick<KeyRing, 'open'>;
  channel: Channel;
}

/**
 * A message whose replica died at every delivery would lie in the stream until its age ends it. The server says so once; then
 * it is recorded and its sealed code leaves the disk (KEY-10). One replica of all does that.
 */
export function watchAbandoned(deps: AbandonedDependencies): Subscription {
  const { nats, manager, ring, channel, logger } = deps;
  const subject = `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${DISPATCH}.${sendersOf(channel)}`;

  async function bury(sequence: number, deliveryCount: number): Promise<void> {
    const stored = await manager.streams.getMessage(DISPATCH, { seq: sequence });
    if (stored === null) return;
    const messageId = stored.header.get('Nats-Msg-Id');
    const job = openOrNot(ring, messageId, stored.string());
    await manager.streams.deleteMessage(DISPATCH, sequence);
    const trace = parseTraceparent(stored.header.get(TRACEPARENT));
    const report = () =>
      reportEnding(deps, { messageId, job, deliveryCount, ending: { end: 'failed', reason: 'replicas_died' } });
    await (trace === undefined ? report() : withinTrace(trace, report));
  }

  return nats.subscribe(subject, {
    queue: 'dispatch',
    callback: (error, message) => {
      if (error !== null) {
        logger.error('message.advisories', { channel, error });
        return;
      }
      const { stream_seq: sequence, deliveries } = message.json<{ stream_seq: number; deliveries: number }>();
      bury(sequence, deliveries).catch((cause: unknown) => logger.warn('message.bury', { sequence, error: cause }));
    },
  });
}

function openOrNot(ring: Pick<KeyRing, 'open'>, messageId: string, sealed: string) {
  try {
    return openJob(ring, messageId, sealed);
  } catch {
    return undefined;
  }
}
