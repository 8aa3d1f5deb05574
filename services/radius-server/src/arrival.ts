import type { Packet } from '@countersign/radius';
import type { KnownClient } from './client-table.ts';
import type { Way } from './judge.ts';

/** A packet of a client that is known. */
export interface Arrival {
  packet: Packet;
  client: KnownClient;
  way: Way;
  /** Address that it came from. */
  source: string;
  /** Where a retransmission of it would come; undefined over TLS, where there is none (RFC 6613 section 2.6.1). */
  slot: string | undefined;
  /** ms of uptime */
  cameAt: number;
  respond: (octets: Buffer) => void;
  /** It can be given once more, and comes by no other way: nothing is counted while there is no room. */
  canWait?: boolean;
  /** What of this connection is under way: all of it is let go with the connection (RAD-72). */
  open?: Set<AbortController>;
}
