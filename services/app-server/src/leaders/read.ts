import type { ConsumerInfo, JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { copiesOf } from '../streams/copies.ts';
import type { Led } from './placement.ts';

/** What has a place where it should be led. */
export interface Placed {
  /** Streams of the ledger. */
  ledger: readonly string[];
  /** What every login needs besides. */
  others: readonly string[];
  /** Consumers that keep their place in copies of their own. */
  consumers: readonly { stream: string; name: string }[];
}

/** @throws when one of them has nobody who answers for it. */
export async function readPlaced(manager: JetStreamManager, { ledger, others, consumers }: Placed): Promise<Led[]> {
  const stream = async (name: string, isLedger: boolean) =>
    ledOf(await manager.streams.info(name), { stream: name }, isLedger);
  return Promise.all([
    ...ledger.map((name) => stream(name, true)),
    ...others.map((name) => stream(name, false)),
    ...consumers.map(async ({ stream: of, name }) =>
      ledOf(await manager.consumers.info(of, name), { stream: of, consumer: name }, false),
    ),
  ]);
}

/** Every stream and every consumer there is, and who leads it: also those that have no place of their own. */
export async function readAll(manager: JetStreamManager): Promise<Led[]> {
  const all: Led[] = [];
  for await (const stream of manager.streams.list()) {
    const { name } = stream.config;
    all.push(ledOf(stream, { stream: name }, false));
    for await (const consumer of manager.consumers.list(name)) {
      all.push(ledOf(consumer, { stream: name, consumer: consumer.name }, false));
    }
  }
  return all;
}

function ledOf(
  info: Partial<Pick<StreamInfo | ConsumerInfo, 'cluster'>>,
  { stream, consumer }: { stream: string; consumer?: string },
  isLedger: boolean,
): Led {
  const handOver =
    consumer === undefined
      ? `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`
      : `$JS.API.CONSUMER.LEADER.STEPDOWN.${stream}.${consumer}`;
  return { handOver, isLedger, ...copiesOf(info) };
}
