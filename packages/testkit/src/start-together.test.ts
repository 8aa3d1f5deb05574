import { expect, test } from 'vitest';
import type { RunningProcess } from './process.ts';
import { startTogether } from './start-together.ts';

/** A server that finds no leader at its first starts, as many as said. */
function server(name: string, failures: number): RunningProcess & { starts: number } {
  const one = {
    name,
    starts: 0,
    running: false,
    start: () => {
      one.starts += 1;
      if (one.starts <= failures) return Promise.reject(new Error(`${name} was not ready\nits log`));
      one.running = true;
      return Promise.resolve();
    },
  };
  return one as unknown as RunningProcess & { starts: number };
}

test('who found no leader is started again, the others go on', async () => {
  const servers = [server('nats-1', 0), server('nats-2', 2), server('nats-3', 0)];
  const said: string[] = [];

  await startTogether(servers, (reason) => said.push(reason));

  expect(servers.map(({ starts }) => starts)).toEqual([1, 3, 1]);
  expect(servers.every(({ running }) => running)).toBe(true);
  expect(said).toEqual(['nats-2 was not ready', 'nats-2 was not ready']);
});

test('after three tries it is given up', async () => {
  const lonely = server('nats-1', 3);

  await expect(startTogether([lonely])).rejects.toThrow('nats-1 was not ready');
  expect(lonely.starts).toBe(3);
});
