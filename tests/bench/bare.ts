import { join } from 'node:path';
import type { JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { freePort, startProcess, waitUntil, type RunningProcess } from '@countersign/testkit';
import type { Stack } from '../stack.ts';

/** About the size of a ledger record with one open and some closed challenges. */
const RECORD_BYTES = 900;

export function connectRoot({ natsRootUrl }: Stack): Promise<NatsConnection> {
  const { username, password, host } = new URL(natsRootUrl);
  return connect({ servers: [host], user: username, pass: password });
}

/** A stream like the ledger, which nobody projects. */
async function addBareStream(ledgers: JetStreamManager): Promise<void> {
  const { config } = await ledgers.streams.info('AUTH');
  await ledgers.streams.add({ ...config, name: 'BARE', subjects: ['bare.*'] });
}

/** Two of each half of it; a page of it holds `page`. */
export async function startBare(
  { natsRootUrl, dir, client }: Stack,
  ledgers: JetStreamManager,
  page = '',
): Promise<{ urls: string[]; processes: RunningProcess[] }> {
  await addBareStream(ledgers);
  const url = new URL(natsRootUrl);
  const environment = {
    PATH: process.env['PATH'] ?? '',
    NATS_URL: url.host,
    NATS_USER: url.username,
    NATS_PASSWORD: url.password,
    RECORD_BYTES: String(RECORD_BYTES),
    TLS_CERT_FILE: join(dir, 'gateway.pem'),
    TLS_KEY_FILE: join(dir, 'gateway.key'),
  };
  const processes: RunningProcess[] = [];
  const urls: string[] = [];
  for (const number of [1, 2]) {
    processes.push(
      await startProcess({
        name: `bare-responder-${number}`,
        command: process.execPath,
        args: [join(import.meta.dirname, 'bare-responder.ts')],
        env: environment,
      }),
    );
    const port = await freePort();
    const address = `https://localhost:${port}`;
    processes.push(
      await startProcess({
        name: `bare-gateway-${number}`,
        command: process.execPath,
        args: [join(import.meta.dirname, 'bare-gateway.ts')],
        env: { ...environment, PORT: String(port), PAGE: page },
      }),
    );
    urls.push(address);
  }
  await waitUntil(
    async () => {
      const answers = await Promise.all(
        urls.map((address) => client.request(address, 'POST', '/bare/warm', { body: { code: '1' } })),
      );
      return answers.every(({ status }) => status === 200);
    },
    { timeoutMs: 20_000, what: 'the bare path' },
  );
  return { urls, processes };
}
