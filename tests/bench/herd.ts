import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Counts, Deliveries, Order } from './phone-herd.ts';

export interface Herd {
  readonly pid: number;
  /** Resolves when all have begun to connect. */
  join(phones: number, perSecond: number): Promise<Counts>;
  count(): Promise<Counts>;
  /** What came since it was asked last. */
  deliveries(): Promise<Deliveries>;
  stop(): Promise<void>;
}

export interface HerdOptions {
  port: number;
  /** What phones sign that they reach. */
  authority: string;
  /** PEM; without it they speak plain HTTP. */
  ca?: string;
  waitSeconds: number;
}

/** Phones in a process of their own. */
export function startHerd({ port, authority, ca = '', waitSeconds }: HerdOptions): Herd {
  const child = fork(join(import.meta.dirname, 'phone-herd.ts'), {
    env: {
      PATH: process.env['PATH'] ?? '',
      HERD_PORT: String(port),
      HERD_AUTHORITY: authority,
      HERD_CA: ca,
      HERD_WAIT_SECONDS: String(waitSeconds),
    },
  });
  let last: Promise<unknown> = Promise.resolve();
  // One order at a time: an answer does not say of which.
  const ask = <T>(order: Order): Promise<T> => {
    const answer = last.then(async () => {
      child.send(order);
      const [message] = (await once(child, 'message')) as [T];
      return message;
    });
    last = answer;
    return answer;
  };
  return {
    pid: child.pid ?? 0,
    join: (phones, perSecond) => ask<Counts>({ do: 'join', phones, perSecond }),
    count: () => ask<Counts>({ do: 'count' }),
    deliveries: () => ask<Deliveries>({ do: 'deliveries' }),
    stop: async () => {
      if (child.exitCode !== null) return;
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
