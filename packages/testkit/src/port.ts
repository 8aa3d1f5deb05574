import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Below those that the kernel gives to outgoing connections (32768 to 60999), any of which may take a port between this and its use. */
const FIRST = 10_000;
const COUNT = 10_000;
/** A file for each port that a process of this user has drawn: two test files at a time draw hundreds, and bind them seconds later. */
const DRAWN = join(tmpdir(), `countersign-ports-${userInfo().uid}`);
/** Whoever drew it was killed, or holds it by now. */
const STALE_AFTER_MS = 600_000;
const mine = new Set<number>();

/** A port of 127.0.0.1 that nothing listens on at this moment, and that no other test draws meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (draw(port) && (await isFree(port))) return port;
  }
}

function draw(port: number): boolean {
  if (mine.size === 0) {
    mkdirSync(DRAWN, { recursive: true, mode: 0o700 });
    process.once('exit', () => {
      for (const one of mine) rmSync(fileOf(one), { force: true });
    });
  }
  try {
    if (Date.now() - (statSync(fileOf(port), { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > STALE_AFTER_MS) {
      rmSync(fileOf(port), { force: true });
    }
    writeFileSync(fileOf(port), '', { flag: 'wx' });
    mine.add(port);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

function fileOf(port: number): string {
  return join(DRAWN, String(port));
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Whether a TCP connection is accepted. False as well when nothing answers within a second. */
export function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true));
    socket.once('timeout', () => answer(false));
    socket.once('error', () => answer(false));
  });
}
