import type { EachAnswer, NatsGreeting } from '@countersign/bus';
import { clusterStatus, edgeStatus, type OutputOf } from '@countersign/contracts';
import type { Connection } from '../connection.ts';

export type ReplicaView = OutputOf<typeof clusterStatus>;
export type EdgeView = OutputOf<typeof edgeStatus>;

/** How far a replica's clock is ahead of this machine's, ms; an answer travels some of it. */
interface Heard {
  aheadMs?: number;
}

/** Everything that answers, and what it says. */
export interface Seen {
  replicas: readonly (ReplicaView & Heard)[];
  edges: readonly (EdgeView & Heard)[];
  /** Began to answer and did not end. */
  silent: readonly string[];
  /** Refused, or answered otherwise than asked. */
  wrong: readonly string[];
  natsServers: readonly NatsGreeting[];
}

export async function lookAround({ askEach, natsServers }: Connection): Promise<Seen> {
  const [replicas, edges, servers] = await Promise.all([
    askEach(clusterStatus, {}),
    askEach(edgeStatus, {}),
    natsServers(),
  ]);
  const failed = [...replicas, ...edges].flatMap((answer) =>
    'error' in answer ? [{ replica: answer.replica, code: answer.error.code }] : [],
  );
  return {
    replicas: outputsOf(replicas),
    edges: outputsOf(edges),
    silent: failed.flatMap(({ replica, code }) => (code === 'UNAVAILABLE' ? [replica] : [])),
    wrong: failed.flatMap(({ replica, code }) => (code === 'UNAVAILABLE' ? [] : [replica])),
    natsServers: servers,
  };
}

function outputsOf<Output extends { at?: string }>(answers: readonly EachAnswer<Output>[]): (Output & Heard)[] {
  return answers.flatMap((answer) => {
    if ('error' in answer) return [];
    const { output, heardAt } = answer;
    return [{ ...output, ...(output.at !== undefined && { aheadMs: Date.parse(output.at) - heardAt }) }];
  });
}
