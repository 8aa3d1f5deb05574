import type { JetStreamManager } from '@nats-io/jetstream';
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import type { RecoveryFloor } from '../challenge/floor.ts';
import type { LedgerContinuity } from './continuity.ts';
import { streamOf } from './stream.ts';

/** What app-servers tell each other of the ledger: hints that can only raise the floor, never lower it. */
interface PeerView {
  replica: string;
  floor: RecoveryFloor;
  highest: number;
}

const ASK = 'peers.ledger.ask';
const TELL = 'peers.ledger.tell';
/** How long a starting replica waits for others to say that they are alive. */
const PEERS_ANSWER_WITHIN_MS = 300;
const TELL_EVERY_MS = 1000;
const RETRY_MS = 500;

export interface WatchDependencies {
  nats: NatsConnection;
  manager: JetStreamManager;
  continuity: LedgerContinuity;
  replica: string;
  now: () => number;
  /** The highest sequence that was projected into Postgres; rejects when no node answers. */
  highestProjected: () => Promise<number>;
  onProblem: (error: unknown) => void;
}

export interface Watch {
  /** Tells the others of a loss that this replica noticed. */
  tell(): void;
  stop(): void;
}

/**
 * Proves at start, and again after every lost connection, that the ledger still holds what it held (see continuity.ts); until
 * then nothing is decided.
 */
export async function watchContinuity(deps: WatchDependencies): Promise<Watch> {
  const { nats, continuity } = deps;
  const subscriptions = [answerPeers(deps), hearPeers(deps)];
  await prove(deps, true);

  let stopped = false;
  void reproveAfterReconnects(deps, () => stopped);
  let told = 0;
  const timer = setInterval(() => {
    if (nats.isClosed() || continuity.highest() === told) return;
    told = continuity.highest();
    tell(deps);
  }, TELL_EVERY_MS);

  return {
    tell: () => tell(deps),
    stop: () => {
      stopped = true;
      clearInterval(timer);
      for (const subscription of subscriptions) subscription.unsubscribe();
    },
  };
}

/** @param atStart raises the floor to the stream's creation, since whatever was spent before it is forgotten. */
async function prove(deps: WatchDependencies, atStart: boolean): Promise<void> {
  const { continuity, manager } = deps;
  const peers = await askPeers(deps);
  for (const peer of peers) continuity.raise(peer.floor);
  const projected = await deps.highestProjected().catch(() => undefined);
  const marks = [...peers.map(({ highest }) => highest), ...(projected === undefined ? [] : [projected])];
  const info = await manager.streams.info(streamOf(''));
  if (atStart) continuity.raise({ at: Date.parse(info.created) });
  continuity.check(info.state.last_seq, marks.length === 0 ? undefined : Math.max(...marks));
}

async function reproveAfterReconnects(deps: WatchDependencies, stopped: () => boolean): Promise<void> {
  for await (const status of deps.nats.status()) {
    if (stopped()) return;
    if (status.type === 'disconnect') deps.continuity.doubt();
    if (status.type !== 'reconnect') continue;
    deps.continuity.doubt();
    while (!deps.continuity.isProven() && !stopped()) {
      await prove(deps, false).catch(async (error: unknown) => {
        deps.onProblem(error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      });
    }
  }
}

function view({ replica, continuity }: WatchDependencies): string {
  const seen: PeerView = { replica, floor: continuity.floor(), highest: continuity.highest() };
  return JSON.stringify(seen);
}

/** A replica that has not yet proven anything itself is no witness. */
function answerPeers(deps: WatchDependencies): Subscription {
  return deps.nats.subscribe(ASK, {
    callback: (_error, message) => {
      if (deps.continuity.isProven()) message.respond(view(deps));
    },
  });
}

function hearPeers(deps: WatchDependencies): Subscription {
  return deps.nats.subscribe(TELL, {
    callback: (_error, message) => {
      const peer = peerView(message);
      if (peer !== undefined && peer.replica !== deps.replica) deps.continuity.hear(peer.floor, peer.highest);
    },
  });
}

function tell(deps: WatchDependencies): void {
  deps.nats.publish(TELL, view(deps));
}

/** What another replica says, or undefined when it is not of that form: a throw here would end the connection's reader. */
function peerView(message: Msg): PeerView | undefined {
  try {
    const { replica, floor, highest } = message.json<Partial<PeerView>>();
    const isView = typeof replica === 'string' && Number.isFinite(floor?.at) && Number.isSafeInteger(highest);
    return isView && floor !== undefined && highest !== undefined ? { replica, floor, highest } : undefined;
  } catch {
    return undefined;
  }
}

async function askPeers(deps: WatchDependencies): Promise<PeerView[]> {
  const answers = await deps.nats
    .requestMany(ASK, undefined, { strategy: 'timer', maxWait: PEERS_ANSWER_WITHIN_MS })
    .catch(() => []);
  const peers: PeerView[] = [];
  for await (const message of answers) {
    const peer = peerView(message);
    if (peer !== undefined) peers.push(peer);
  }
  return peers.filter(({ replica }) => replica !== deps.replica);
}
