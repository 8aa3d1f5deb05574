import { hash, randomUUID } from 'node:crypto';
import type { Packet } from '@countersign/radius';
import type { Way } from './judge.ts';

/**
 * Names a request for every replica that it may reach: the same packet of the same client is the same attempt, whichever socket it came
 * to and whichever port from (RAD-43, INV-13). The source port is left out, so that neither a balancer that changes it nor somebody who
 * sends a packet once more from elsewhere makes a second attempt of it: its 16 random octets tell it from every other request.
 *
 * RADIUS/1.1 has no such octets. Its tokens count up from anywhere on each connection, so that two logins may look the same, and the
 * second would be let in by the answer to the first. Nothing is retransmitted there (RFC 9765 section 4.2.1), so each is its own attempt.
 */
export function attemptOf(clientId: string, packet: Packet, { transport }: Pick<Way, 'transport'>): string {
  if (transport === 'tls-1.1') return randomUUID();
  return hash('sha256', Buffer.concat([Buffer.from(`${clientId}\0`), packet.octets]), 'base64url');
}
