import { createServer, connect } from 'node:net';

/** Below those that the kernel gives to outgoing connections (32768 to 60999), any of which may take a port between this and its use. */
const FIRST = 10_000;
const COUNT = 10_000;
/** Those of this process. Others draw as well, and seldom the same. */
const given = new Set<number>();

/** A port of 127.0.0.1 that nothing listens on at this moment. Somebody else may take it before you do. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
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
