import { request } from 'node:https';
import type { BalancedServer } from './servers.ts';

const TIMEOUT_MS = 2000;

/** Whether the replica of that name answers there, and says that it is ready. */
export function isReady({ name, host, port }: BalancedServer, authority: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(
      { host, port, path: '/health/ready', servername: name, ca: authority, agent: false, timeout: TIMEOUT_MS },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => resolve(false));
    asked.end();
  });
}
