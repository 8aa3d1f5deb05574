/**
 * The bare path, second half: one read of the last message and one conditional append of the size of a real record, without
 * deciding anything.
 */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const { NATS_URL, NATS_USER, NATS_PASSWORD, RECORD_BYTES } = process.env;
const nats = await connect({
  servers: NATS_URL ?? '',
  ...(NATS_USER !== undefined && { user: NATS_USER, pass: NATS_PASSWORD ?? '' }),
  inboxPrefix: `_INBOX.${NATS_USER ?? 'bare'}`,
});
const client = jetstream(nats);
const manager = await jetstreamManager(nats, { checkAPI: false });
const record = new Uint8Array(Number(RECORD_BYTES)).fill(0x61);

nats.subscribe('mfa.v1.bare.verify', {
  queue: 'app-server',
  callback: (_error, message) => {
    void append(message.json<{ user: string }>().user).then((sequence) =>
      message.respond(JSON.stringify({ sequence })),
    );
  },
});
nats.subscribe('mfa.v1.bare.read', {
  queue: 'app-server',
  callback: (_error, message) => {
    const subject = `bare.${message.json<{ user: string }>().user}`;
    void manager.direct
      .getMessage('BARE', { last_by_subj: subject })
      .then((last) => message.respond(JSON.stringify({ sequence: last?.seq ?? 0 })));
  },
});
await nats.flush();
process.stdout.write('ready\n');
process.once('SIGTERM', () => process.exit(0));

async function append(user: string): Promise<number> {
  const subject = `bare.${user}`;
  for (;;) {
    const last = await manager.direct.getMessage('BARE', { last_by_subj: subject });
    try {
      const ack = await client.publish(subject, record, { expect: { lastSubjectSequence: last?.seq ?? 0 } });
      return ack.seq;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 10071)) throw error;
    }
  }
}
