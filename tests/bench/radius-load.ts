import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { HoldOrder, HoldResult, Order, RunOrder, RunResult } from './radius-callers.ts';

/** Access servers in a process of their own. */
export interface Callers {
  readonly pid: number;
  run(order: Omit<RunOrder, 'do'>): Promise<RunResult>;
  /** Begins, and says in the end what came of it; `count` tells meanwhile. */
  hold(order: Omit<HoldOrder, 'do'>): Promise<HoldResult>;
  stop(): Promise<void>;
}

export interface CallersOptions {
  secret: string;
  /** That packets come from: loopback. 127.0.0.1 unless given. */
  addresses?: readonly string[];
  /** What codes of messages are told by, and whose State it is. */
  keyRing?: string;
  applicationId?: string;
}

export async function startCallers(options: CallersOptions): Promise<Callers> {
  const { secret, addresses = ['127.0.0.1'], keyRing, applicationId } = options;
  const child = fork(join(import.meta.dirname, 'radius-callers.ts'), {
    env: {
      PATH: process.env['PATH'] ?? '',
      CALLERS_SECRET: secret,
      CALLERS_ADDRESSES: addresses.join(','),
      ...(keyRing !== undefined && { CALLERS_KEY_RING: keyRing }),
      ...(applicationId !== undefined && { CALLERS_APPLICATION: applicationId }),
    },
  });
  await once(child, 'message');
  // One order at a time: an answer does not say of which.
  const ask = async <T>(order: Order): Promise<T> => {
    child.send(order);
    const [message] = (await once(child, 'message')) as [T];
    return message;
  };
  return {
    pid: child.pid ?? 0,
    run: (order) => ask<RunResult>({ do: 'run', ...order }),
    hold: (order) => ask<HoldResult>({ do: 'hold', ...order }),
    stop: async () => {
      if (child.exitCode !== null) return;
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
