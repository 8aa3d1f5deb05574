import { isAlive, waitUntil } from '@countersign/testkit';
import type { Cluster, Member } from './cluster.ts';

const ENDS_WITHIN_MS = 45_000;

/**
 * In the orderly way, which for a NATS server is to hand over its leaders first (its unit stops it with SIGUSR2); whoever keeps it running starts it
 * again. Resolves when it has ended.
 */
export const restart =
  (member: Member) =>
  async (cluster: Cluster): Promise<void> => {
    const pid = cluster.pid(member);
    cluster.signal([pid], member.startsWith('nats-') ? 'SIGUSR2' : 'SIGTERM');
    await waitUntil(() => !isAlive(pid), { timeoutMs: ENDS_WITHIN_MS, what: `${member} to end` });
  };
