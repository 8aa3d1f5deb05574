import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import type { LedgerWatch, Peers, PeerView } from './watch.ts';

const ASK = 'peers.ledger.ask';
const TELL = 'peers.ledger.tell';

/** Asks and tells the other app-servers over NATS. */
export function natsPeers(nats: NatsConnection): Peers {
  return {
    ask: async (by, withinMs) => {
      const views: PeerView[] = [];
      const answers = await nats
        .requestMany(ASK, JSON.stringify({ by }), { strategy: 'timer', maxWait: withinMs })
        // Whoever asks again at once when nobody can be asked would do nothing else.
        .catch(() => sleep(withinMs, []));
      for await (const message of answers) {
        const view = viewIn(message);
        if (view !== undefined) views.push(view);
      }
      return views;
    },
    tell: (view) => {
      if (!nats.isClosed()) nats.publish(TELL, JSON.stringify(view));
    },
  };
}

/** Lets the watch hear what the others ask and tell. @returns how to stop it. */
export function hearPeers(nats: NatsConnection, watch: LedgerWatch): () => void {
  const questions = nats.subscribe(ASK, {
    callback: (_error, message) => {
      const by = askerIn(message);
      const view = by === undefined ? undefined : watch.asked(by);
      if (view !== undefined) message.respond(JSON.stringify(view));
    },
  });
  const views = nats.subscribe(TELL, {
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
  const { run, floor, highest, isProven, isLeaving } = fieldsOf(message);
  const at = typeof floor === 'object' && floor !== null && 'at' in floor ? floor.at : undefined;
  if (typeof run !== 'string' || typeof at !== 'number' || !Number.isFinite(at)) return undefined;
  if (typeof highest !== 'number' || !Number.isSafeInteger(highest) || typeof isProven !== 'boolean') return undefined;
  return { run, floor: { at }, highest, isProven, ...(isLeaving === true && { isLeaving }) };
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
