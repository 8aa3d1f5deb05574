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

export async function lookAround(connection: Connection): Promise<Seen> {
  const { askEach, natsServers } = connection;
  const [replicas, edges, servers] = await Promise.all([
    askEach(clusterStatus, {}),
    askTwice(connection),
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

/** Nobody counts edges: of one that was too busy to answer at once nothing would be said. The later answer counts. */
async function askTwice({ askEach }: Connection): Promise<EachAnswer<EdgeView>[]> {
  const [first, second] = [await askEach(edgeStatus, {}), await askEach(edgeStatus, {})];
  const heard = new Map([...first, ...second].map((answer) => [answer.replica, answer]));
  return [...heard.values()].toSorted((one, other) => one.replica.localeCompare(other.replica));
}

function outputsOf<Output extends { at?: string }>(answers: readonly EachAnswer<Output>[]): (Output & Heard)[] {
  return answers.flatMap((answer) => {
    if ('error' in answer) return [];
    const { output, heardAt } = answer;
    return [{ ...output, ...(output.at !== undefined && { aheadMs: Date.parse(output.at) - heardAt }) }];
  });
}
