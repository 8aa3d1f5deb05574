import { PHONE_HINTS } from '@countersign/contracts';
import type { NatsConnection } from '@nats-io/nats-core';
import type { KeyRing } from '../keys/ring.ts';

/**
 * Tells whoever holds the polls of a person's phones to have app-server look again. Published only after an append was acknowledged; a hint,
 * never a fact. Edges hear all of them, so it names nobody: only who holds a poll of that person knows what it is about.
 */
export interface WakePhones {
  /** Something about this person's prompts has changed. */
  of(userId: string): void;
  /** Under which name that is hinted: on every replica the same, and no way back to the person. */
  hintFor(userId: string): string;
}

const HINT_BYTES = 16;

export function natsWakePhones(nats: Pick<NatsConnection, 'publish'>, ring: Pick<KeyRing, 'mac'>): WakePhones {
  const hintFor = (userId: string) => ring.mac('phone-hint', userId).subarray(0, HINT_BYTES).toString('base64url');
  return { of: (userId) => nats.publish(`${PHONE_HINTS}.${hintFor(userId)}`), hintFor };
}
