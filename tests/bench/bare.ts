import { join } from 'node:path';
import type { JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { freePort, prepareProcess, waitUntil, type RunningProcess } from '@countersign/testkit';
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
  stack: Stack,
  ledgers: JetStreamManager,
  page = '',
): Promise<{ urls: string[]; processes: RunningProcess[] }> {
  const { client } = stack;
  await addBareStream(ledgers);
  const environment = environmentOf(stack);
  const processes: RunningProcess[] = [];
  const urls: string[] = [];
  for (const number of [1, 2]) {
    processes.push(await startPart('bare-responder', number, environment));
    const port = await freePort();
    processes.push(await startPart('bare-gateway', number, { ...environment, PORT: String(port), PAGE: page }));
    urls.push(`https://localhost:${port}`);
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

/** The same over UDP: one that takes packets, two that answer it. */
export async function startBarePackets(
  stack: Stack,
  ledgers: JetStreamManager,
): Promise<{ port: number; processes: RunningProcess[] }> {
  await addBareStream(ledgers);
  const environment = environmentOf(stack);
  const port = await freePort();
  const processes = [
    await startPart('bare-responder', 1, environment, 'ready'),
    await startPart('bare-responder', 2, environment, 'ready'),
    await startPart('bare-packets', 1, { ...environment, PORT: String(port) }, 'ready'),
  ];
  return { port, processes };
}

function environmentOf({ natsRootUrl, dir }: Stack): Record<string, string> {
  const url = new URL(natsRootUrl);
  return {
    PATH: process.env['PATH'] ?? '',
    NATS_URL: url.host,
    NATS_USER: url.username,
    NATS_PASSWORD: url.password,
    RECORD_BYTES: String(RECORD_BYTES),
    TLS_CERT_FILE: join(dir, 'gateway.pem'),
    TLS_KEY_FILE: join(dir, 'gateway.key'),
  };
}

/** @param says what it writes once it works; without it whoever asks must wait. */
function startPart(
  program: string,
  number: number,
  env: Record<string, string>,
  says?: string,
): Promise<RunningProcess> {
  const running: RunningProcess = prepareProcess({
    name: `${program}-${number}`,
    command: process.execPath,
    args: [join(import.meta.dirname, `${program}.ts`)],
    env,
    ...(says !== undefined && { readyWhen: () => running.tail().includes(says) }),
  });
  return running.start().then(() => running);
}
