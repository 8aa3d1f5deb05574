import { spawn } from 'node:child_process';

const WITHIN_MS = 1000;
const PROBE = `
  const startedAt = performance.now();
  const socket = require('node:net').connect({ host: process.argv[1], port: Number(process.argv[2]), timeout: ${WITHIN_MS} });
  const end = (text) => { socket.destroy(); process.stdout.write(text); };
  socket.once('connect', () => end(String(performance.now() - startedAt)));
  socket.once('timeout', () => end(''));
  socket.once('error', () => end(''));
`;

/** How long a TCP connection takes from a network namespace, or from here; undefined when none comes about. */
export async function connectMs(
  namespace: string | undefined,
  host: string,
  port: number,
): Promise<number | undefined> {
  const node = [process.execPath, '-e', PROBE, host, String(port)];
  const [program = '', ...args] = namespace === undefined ? node : ['/sbin/ip', 'netns', 'exec', namespace, ...node];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  await new Promise((resolve) => child.once('close', resolve));
  return text === '' ? undefined : Number(text);
}
