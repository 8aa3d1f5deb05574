import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import type { LedgerWatch, Peers, PeerView } from './watch.ts';

const asking = (peers: string) => `${peers}.ask`;
const telling = (peers: string) => `${peers}.tell`;

/** Asks and tells the other app-servers over NATS. @param peers of the partition. */
export function natsPeers(nats: NatsConnection, peers: string): Peers {
  return {
    ask: async (by, withinMs) => {
      const views: PeerView[] = [];
      const answers = await nats
        .requestMany(asking(peers), JSON.stringify({ by }), { strategy: 'timer', maxWait: withinMs })
        // Whoever asks again at once when nobody can be asked would do nothing else.
        .catch(() => sleep(withinMs, []));
      for await (const message of answers) {
        const view = viewIn(message);
        if (view !== undefined) views.push(view);
      }
      return views;
    },
    tell: (view) => {
      if (!nats.isClosed()) nats.publish(telling(peers), JSON.stringify(view));
    },
  };
}

/** Lets the watch hear what the others ask and tell. @returns how to stop it. */
export function hearPeers(nats: NatsConnection, peers: string, watch: LedgerWatch): () => void {
  const questions = nats.subscribe(asking(peers), {
    callback: (_error, message) => {
      const by = askerIn(message);
      const view = by === undefined ? undefined : watch.asked(by);
      if (view !== undefined) message.respond(JSON.stringify(view));
    },
  });
  const views = nats.subscribe(telling(peers), {
    callback: (_error, message) => {
      const view = viewIn(message);
      if (view !== undefined) watch.hear(view);
    },
  });
  return () => {
    questions.unsubscribe();
    views.unsubscribe();
  };
}

function askerIn(message: Msg): string | undefined {
  const { by } = fieldsOf(message);
  return typeof by === 'string' ? by : undefined;
}

function viewIn(message: Msg): PeerView | undefined {
  const { run, floor, highest, isProven, isLeaving, release } = fieldsOf(message);
  const at = typeof floor === 'object' && floor !== null && 'at' in floor ? floor.at : undefined;
  if (typeof run !== 'string' || typeof at !== 'number' || !Number.isFinite(at)) return undefined;
  if (typeof highest !== 'number' || !Number.isSafeInteger(highest) || typeof isProven !== 'boolean') return undefined;
  return {
    run,
    floor: { at },
    highest,
    isProven,
    ...(isLeaving === true && { isLeaving }),
    ...(typeof release === 'number' && { release }),
  };
}

/** Nothing, when the message is not of our form: a throw here would end the connection's reader. */
function fieldsOf(message: Msg): Record<string, unknown> {
  try {
    const value: unknown = message.json();
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
