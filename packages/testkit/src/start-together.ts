import type { RunningProcess } from './process.ts';

const TRIES = 3;

/**
 * Starts the servers of a cluster of NATS, each of which counts as ready when it has found its leader. They do within a second; now and
 * then, on a machine with much to do, one stays alone for longer than anybody waits, and finds the others when it is started again.
 * @param onAgain hears of each that is started again.
 * @throws what the last try said, when one has not found its leader in three.
 */
export async function startTogether(
  servers: readonly RunningProcess[],
  onAgain: (reason: string) => void = () => undefined,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    const outcomes = await Promise.allSettled(
      servers.filter(({ running }) => !running).map((server) => server.start()),
    );
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
    const [first] = reasons;
    if (first === undefined) return;
    if (tries === TRIES) throw first;
    for (const { message } of reasons) onAgain(message.split('\n')[0] ?? message);
  }
}
