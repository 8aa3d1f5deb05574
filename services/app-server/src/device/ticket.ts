import { timingSafeEqual } from 'node:crypto';
import { MfaError } from '@countersign/contracts';
import type { KeyRing } from '../keys/ring.ts';

/** What a phone asked for when it polled, and whose it is. Its signature was right, and its nonce was claimed. */
export interface Asked {
  deviceId: string;
  userId: string;
  /** Version of the set of keys that the phone trusts. */
  keySet: number;
  /** Of the request: what we answer is bound to it. */
  nonce: string;
  /** Ids of the challenges that it shows already. */
  known: readonly string[];
  /** How long it wants to wait for others, ms since the epoch. */
  until: number;
}

/** How long after its wait a ticket is still good: a leader of the ledger may be away, and be tried for. */
const LATE_MS = 15_000;
/** Of a purpose of its own: no other keyed hash of ours is one. */
const PURPOSE = 'poll-ticket';

/**
 * Carries what was proven of a poll past the edge, so that any replica goes on where another was, without the signature, which is too old by
 * then, and without the nonce, which is taken. Whoever has the ticket had the request, and learns what its answer says, as often as they ask
 * until it is over; they change nothing by it.
 */
export function ticketFor(ring: Pick<KeyRing, 'mac'>, asked: Asked): string {
  const { deviceId, userId, keySet, nonce, known, until } = asked;
  const text = JSON.stringify([deviceId, userId, keySet, nonce, until, ...known]);
  return `${Buffer.from(text).toString('base64url')}.${ring.mac(PURPOSE, text).toString('base64url')}`;
}

/** @throws MfaError REQUEST_INVALID for one that no replica of ours has made; UNAVAILABLE for one that is over. */
export function readTicket(ring: Pick<KeyRing, 'mac'>, ticket: string, now: number): Asked {
  const [encoded = '', mac = ''] = ticket.split('.');
  const text = Buffer.from(encoded, 'base64url').toString('utf8');
  const given = Buffer.from(mac, 'base64url');
  const right = ring.mac(PURPOSE, text);
  if (given.length !== right.length || !timingSafeEqual(given, right)) {
    throw new MfaError('REQUEST_INVALID', { reason: 'a ticket that is none of ours' });
  }
  const [deviceId, userId, keySet, nonce, until, ...known] = JSON.parse(text) as [
    string,
    string,
    number,
    string,
    number,
    ...string[],
  ];
  if (now > until + LATE_MS)
    throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'a ticket that is over' });
  return { deviceId, userId, keySet, nonce, until, known };
}
