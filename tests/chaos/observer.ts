import { readFileSync } from 'node:fs';
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import type { DevFile } from '../../infra/dev/dev-file.ts';

/** A connection to NATS of whoever looks at streams. */
export async function observe({ nats, natsCa, natsCredentials }: DevFile): Promise<NatsConnection> {
  if (natsCa === undefined || natsCredentials === undefined) throw new Error('the topology does not run');
  return connect({
    servers: nats.split(','),
    authenticator: credsAuthenticator(readFileSync(natsCredentials.observer)),
    // It hears the answers to its own questions and no others.
    inboxPrefix: '_INBOX.observer',
    tls: { ca: readFileSync(natsCa, 'utf8') },
    timeout: 5000,
  });
}
