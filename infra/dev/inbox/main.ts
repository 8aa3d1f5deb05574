import { randomUUID } from 'node:crypto';
import { createInbox } from './server.ts';

const port = Number(process.env['COUNTERSIGN_INBOX_PORT'] ?? 8900);
const host = process.env['COUNTERSIGN_INBOX_HOST'] ?? '127.0.0.1';
const token = process.env['COUNTERSIGN_INBOX_TOKEN'];
const file = process.env['COUNTERSIGN_INBOX_FILE'];
if (token === undefined) throw new Error('COUNTERSIGN_INBOX_TOKEN is not set: senders present it as a bearer token.');

const app = createInbox({ token, host, now: Date.now, newId: randomUUID, ...(file !== undefined && { file }) });
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void app.close());
console.log(`development inbox at ${await app.listen({ host, port })}`);
