import type { SecurityQuestion } from '@countersign/contracts';
import type { KeyRing } from '../keys/ring.ts';

const HOUR_MS = 3_600_000;
/** Somebody who was asked a moment before the hour may still answer. */
const GRACE_MS = 10 * 60_000;

export interface Chosen {
  userId: string;
  /** Changes when the person chooses anew. */
  chosenAt: number;
  questions: readonly SecurityQuestion[];
}

/**
 * Which questions are asked in this hour. Drawn by a key and not by chance: the same on every replica, and again when somebody asks again, so
 * that nobody waits for those whose answers they know.
 */
export function askedNow(ring: Pick<KeyRing, 'mac'>, chosen: Chosen, ask: number, now: number): SecurityQuestion[] {
  return drawn(ring, chosen, ask, Math.floor(now / HOUR_MS));
}

/** The sets that may be answered now. */
export function askedLately(
  ring: Pick<KeyRing, 'mac'>,
  chosen: Chosen,
  ask: number,
  now: number,
): SecurityQuestion[][] {
  const hours = new Set([Math.floor(now / HOUR_MS), Math.floor((now - GRACE_MS) / HOUR_MS)]);
  return [...hours].map((hour) => drawn(ring, chosen, ask, hour));
}

function drawn(
  ring: Pick<KeyRing, 'mac'>,
  { userId, chosenAt, questions }: Chosen,
  ask: number,
  hour: number,
): SecurityQuestion[] {
  const rank = (question: string) =>
    ring.mac('asked-question', userId, String(chosenAt), String(hour), question).toString('hex');
  return questions.toSorted((one, other) => (rank(one) < rank(other) ? -1 : 1)).slice(0, ask);
}
