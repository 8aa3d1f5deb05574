import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { LIMITS, limitsSubject } from '../dispatch/streams.ts';

/**
 * How far the clock of NATS is from ours: a small record is stored and the time that the stream gave it is read. NATS tells its
 * time in no other way that every version has. There is one such record for each replica, and it takes the place of the last.
 * @returns the clock of NATS less ours, in ms; true to about half of the time that storing took.
 */
export async function readNatsClock(
  client: JetStreamClient,
  manager: JetStreamManager,
  replica: string,
  now: () => number,
): Promise<number> {
  // Names of replicas are free text, and a subject is not.
  const subject = limitsSubject(`clock.${Buffer.from(replica).toString('base64url')}`);
  const before = now();
  const { seq } = await client.publish(subject, '{}');
  const after = now();
  const stored = await manager.streams.getMessage(LIMITS, { seq });
  if (stored === null) throw new Error('NATS does not find what it stored a moment ago');
  return stored.time.getTime() - (before + after) / 2;
}
