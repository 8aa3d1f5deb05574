import { isAlive, waitUntil } from '@countersign/testkit';
import type { Cluster, Member } from './cluster.ts';

const ENDS_WITHIN_MS = 30_000;

/** In the orderly way; whoever keeps it running starts it again. Resolves when it has ended. */
export const restart =
  (member: Member) =>
  async (cluster: Cluster): Promise<void> => {
    const pid = cluster.pid(member);
    cluster.signal([pid], 'SIGTERM');
    await waitUntil(() => !isAlive(pid), { timeoutMs: ENDS_WITHIN_MS, what: `${member} to end` });
  };
