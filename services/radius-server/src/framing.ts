import { nextPacketLength, type Malformed } from '@countersign/radius';

/** Cuts a stream into packets. Holds less than one of them: 4096 octets at most. */
export interface Framing {
  /** @returns whole packets, in their order; what is malformed ends the stream, which then has no border any more (RFC 6614 section 2.6). */
  push(chunk: Buffer): { packets: Buffer[]; malformed?: Malformed };
  /** A packet has begun and is not all there. */
  readonly isInside: boolean;
}

export function createFraming(): Framing {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push: (chunk) => {
      // A copy where something was left; else packets are views of what came.
      let buffered = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const packets: Buffer[] = [];
      for (;;) {
        const length = nextPacketLength(buffered);
        if (typeof length === 'object') {
          rest = Buffer.alloc(0);
          return { packets, malformed: length.malformed };
        }
        if (length === undefined || length > buffered.length) break;
        packets.push(buffered.subarray(0, length));
        buffered = buffered.subarray(length);
      }
      // Not a view of a chunk that may be many times as long.
      rest = Buffer.from(buffered);
      return { packets };
    },
    get isInside() {
      return rest.length > 0;
    },
  };
}
