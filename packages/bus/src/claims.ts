import { createInbox, credsAuthenticator } from '@nats-io/nats-core';
import { connect } from './connect.ts';
import { credentialsName } from './credentials-file.ts';

export interface AccountDelivery {
  servers: string[];
  authorities: string;
  /** Text of credentials of the system account, good for a moment. */
  credentials: string;
  subject: string;
  accountJwt: string;
}

const CONNECT_WITHIN_MS = 2000;
/** How long the slowest server may take. */
const ANSWERS_WITHIN_MS = 2000;

/**
 * Hands an account to every NATS server of the cluster: its permissions and its revocations bite from then on.
 * @returns the names of the servers that took it. @throws when no server lets us in, or one refuses the account.
 */
export async function deliverAccount(delivery: AccountDelivery): Promise<string[]> {
  const credentials = new TextEncoder().encode(delivery.credentials);
  const nats = await connect({
    servers: delivery.servers,
    authenticator: credsAuthenticator(credentials),
    inboxPrefix: `_INBOX.${credentialsName(credentials)}`,
    tls: { ca: delivery.authorities },
    timeout: CONNECT_WITHIN_MS,
    reconnect: false,
    noAsyncTraces: true,
  });
  try {
    const inbox = createInbox(`_INBOX.${credentialsName(credentials)}`);
    const answers = nats.subscribe(inbox);
    const timer = setTimeout(() => answers.unsubscribe(), ANSWERS_WITHIN_MS);
    nats.publish(delivery.subject, delivery.accountJwt, { reply: inbox });
    const took: string[] = [];
    for await (const message of answers) {
      const { server, error } = message.json<{ server?: { name?: string }; error?: { description?: string } }>();
      if (error !== undefined)
        throw new Error(`${server?.name ?? 'A NATS server'} refuses the account: ${error.description ?? ''}`);
      took.push(server?.name ?? 'unnamed');
      if (took.length >= delivery.servers.length) break;
    }
    clearTimeout(timer);
    return took.toSorted();
  } finally {
    await nats.close();
  }
}
