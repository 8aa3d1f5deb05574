/** One request that came over UDP, and what became of it. */
export interface Remembered {
  readonly slot: string;
  readonly authenticator: Buffer;
  /** Aborted when another request has taken its place: nobody waits for its answer any more. */
  readonly superseded: AbortController;
  /** What was answered; undefined while it is decided. */
  octets: Buffer | undefined;
  /** When it came first and last, and was answered; ms of uptime. */
  cameAt: number;
  answeredAt: number;
  /** How often it came. */
  tries: number;
}

export type Taken = { is: 'new'; entry: Remembered } | { is: 'again'; entry: Remembered; afterMs: number };

/**
 * Tells a retransmission from a new request (RFC 5080 section 2.2.2, RAD-40 to RAD-42), in this process alone: for other replicas the
 * attempt id does. To be asked only about packets whose proof was right (RAD-34).
 */
export interface Duplicates {
  /**
   * @param slot socket, source address, source port and identifier: one request at a time has it.
   * @param now ms of uptime
   */
  take(slot: string, authenticator: Buffer, now: number): Taken;
  /** From now on it is answered with these octets. */
  answer(entry: Remembered, octets: Buffer, now: number): void;
  /** It was not answered: when it comes again, it is decided again. */
  forget(entry: Remembered): void;
  readonly size: number;
}

/** RAD-42: longer than any product retransmits after it was answered. */
const KEPT_MS = 30_000;

/**
 * @param limit of what is remembered. Beyond it the oldest answer is forgotten, which costs a question to app-server when it is asked for
 * once more, and nothing else.
 */
export function createDuplicates({ limit, keptMs = KEPT_MS }: { limit: number; keptMs?: number }): Duplicates {
  const bySlot = new Map<string, Remembered>();
  /** In the order in which they were answered. */
  const answered = new Set<Remembered>();

  function remove(entry: Remembered): void {
    answered.delete(entry);
    if (bySlot.get(entry.slot) === entry) bySlot.delete(entry.slot);
  }

  function prune(now: number): void {
    for (const oldest of answered) {
      if (bySlot.size < limit && oldest.answeredAt + keptMs > now) break;
      remove(oldest);
    }
  }

  return {
    take: (slot, authenticator, now) => {
      prune(now);
      const before = bySlot.get(slot);
      if (before?.authenticator.equals(authenticator) === true) {
        const afterMs = now - before.cameAt;
        before.cameAt = now;
        before.tries += 1;
        return { is: 'again', entry: before, afterMs };
      }
      if (before !== undefined) {
        remove(before);
        // Nobody waits for what is answered; and who goes on without a break has each identifier again within half a minute.
        if (before.octets === undefined) before.superseded.abort();
      }
      const entry: Remembered = {
        slot,
        // A copy: the datagram that it is a view of may be 250 times as long.
        authenticator: Buffer.alloc(authenticator.length, authenticator),
        superseded: new AbortController(),
        octets: undefined,
        cameAt: now,
        answeredAt: 0,
        tries: 1,
      };
      bySlot.set(slot, entry);
      return { is: 'new', entry };
    },
    answer: (entry, octets, now) => {
      if (bySlot.get(entry.slot) !== entry) return;
      entry.octets = octets;
      entry.answeredAt = now;
      answered.add(entry);
    },
    forget: remove,
    get size() {
      return bySlot.size;
    },
  };
}
