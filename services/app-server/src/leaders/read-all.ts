import type { JetStreamManager } from '@nats-io/jetstream';
import { ledOf } from '../streams/keep-leaders.ts';
import type { Led } from '../streams/leaders.ts';

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

/** `AUTH_1`, `DISPATCH > senders-sms`: what its subject ends with. */
export function nameOf({ handOver }: Pick<Led, 'handOver'>): string {
  return handOver.split('.').slice(5).join(' > ');
}
