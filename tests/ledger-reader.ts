import { DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

export interface LedgerMessage {
  sequence: number;
  attemptId: string;
  event: { type: string; [field: string]: unknown };
}

/** What the ledger holds of a user, oldest first: the record that decides, whoever heard of it. */
export async function ledgerOf(natsUrl: string, userId: string): Promise<LedgerMessage[]> {
  const { username, password, host } = new URL(natsUrl);
  const nats = await connect({ servers: [host], user: username, pass: password, timeout: 5000 });
  try {
    const filter = `auth.${userId}`;
    const manager = await jetstreamManager(nats);
    const { state } = await manager.streams.info('AUTH', { subjects_filter: filter });
    let left = state.subjects?.[filter] ?? 0;
    const found: LedgerMessage[] = [];
    if (left === 0) return found;
    const consumer = await jetstream(nats).consumers.get('AUTH', {
      filter_subjects: filter,
      deliver_policy: DeliverPolicy.All,
    });
    const messages = await consumer.fetch({ max_messages: left, expires: 5000 });
    for await (const message of messages) {
      const { attemptId, event } = message.json<Omit<LedgerMessage, 'sequence'>>();
      found.push({ sequence: message.seq, attemptId, event });
      left -= 1;
      if (left === 0) break;
    }
    return found;
  } finally {
    await nats.close();
  }
}
