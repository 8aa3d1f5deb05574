import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNats, waitUntil } from '@countersign/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { connect } from './connect.ts';

const PING_MS = 200;
/** More than the buffers between two processes hold. */
const UNSENT = Array.from({ length: 64 }, () => new Uint8Array(512 * 1024));

async function server(name: string) {
  const storeDir = mkdtempSync(join(tmpdir(), 'connect-'));
  const nats = await startNats({ storeDir, name });
  onTestFinished(async () => {
    await nats.kill();
    rmSync(storeDir, { recursive: true, force: true });
  });
  return nats;
}

test('a server that takes nothing any longer is left for another, however much is still to be sent to it', async () => {
  const [silent, other] = [await server('silent'), await server('other')];
  const connection = await connect({
    servers: [silent.url, other.url],
    noRandomize: true,
    pingInterval: PING_MS,
    maxPingOut: 2,
    reconnectTimeWait: 10,
    // Spent on the silent one, which is tried once more before the other.
    timeout: 500,
  });
  onTestFinished(() => connection.close());
  expect(connection.info?.server_name).toBe('silent');
  silent.pause();
  for (const data of UNSENT) connection.publish('anything', data);
  await waitUntil(() => connection.info?.server_name === 'other', { what: 'it to be left', timeoutMs: 20 * PING_MS });
});
