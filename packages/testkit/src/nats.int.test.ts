import { mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isAlive } from './process-table.ts';
import { startNats, type NatsServer } from './nats.ts';
import { accepts } from './port.ts';

let nats: NatsServer;
beforeAll(async () => {
  nats = await startNats({
    storeDir: mkdtempSync(join(tmpdir(), 'nats-')),
    users: [{ user: 'reader', password: 'p:w', permissions: '{ publish: [] , subscribe: ["a.>"] }' }],
    syncInterval: 'always',
  });
});
afterAll(() => nats.kill());

/** Speaks the client protocol just far enough to see the server's first answer after CONNECT. */
function greet(port: number, credentials: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.setTimeout(1000, () => reject(new Error('no answer')));
    socket.once('error', reject);
    socket.setEncoding('utf8').on('data', (text: string) => {
      if (text.startsWith('INFO'))
        socket.write(`CONNECT ${JSON.stringify({ verbose: false, ...credentials })}\r\nPING\r\n`);
      else {
        socket.destroy();
        resolve(text.trim());
      }
    });
  });
}

test('it lets in the users given and nobody else', async () => {
  expect(nats.url).toBe(`nats://reader:p%3Aw@127.0.0.1:${nats.port}`);
  expect(await greet(nats.port, { user: 'reader', pass: 'p:w' })).toBe('PONG');
  expect(await greet(nats.port, { user: 'reader', pass: 'other' })).toContain('Authorization Violation');
  expect(await greet(nats.port, {})).toContain('Authorization Violation');
});

test('it can be paused, resumed, restarted and killed', async () => {
  nats.pause();
  await expect(greet(nats.port, {})).rejects.toThrow('no answer');
  nats.resume();
  expect(await greet(nats.port, { user: 'reader', pass: 'p:w' })).toBe('PONG');
  const before = nats.pid;
  await nats.restart();
  expect(nats.pid).not.toBe(before);
  expect(isAlive(before)).toBe(false);
  await nats.kill();
  expect(await accepts(nats.port)).toBe(false);
  await nats.start();
  expect(await greet(nats.port, { user: 'reader', pass: 'p:w' })).toBe('PONG');
});
