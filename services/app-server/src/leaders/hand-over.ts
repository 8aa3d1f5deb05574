import type { NatsConnection } from '@nats-io/nats-core';
import type { Led } from './placement.ts';

const TIMEOUT_MS = 2000;

/**
 * Asks a leader to let another take over. That it agreed does not say yet who leads.
 * @throws when it refuses, or nobody answers.
 */
export async function handOver(nats: Pick<NatsConnection, 'request'>, led: Pick<Led, 'handOver'>): Promise<void> {
  // Nothing in it: servers before 2.11 refuse a request that names who is to lead next.
  const answer = (await nats.request(led.handOver, '', { timeout: TIMEOUT_MS })).json<{ error?: unknown }>();
  if (answer.error !== undefined) throw new Error(`${nameOf(led)}: ${JSON.stringify(answer.error)}`);
}

/** `AUTH_1`, `DISPATCH > senders-sms`: what its subject ends with. */
export function nameOf({ handOver: subject }: Pick<Led, 'handOver'>): string {
  return subject.split('.').slice(5).join(' > ');
}
