import { SECURITY_QUESTIONS } from '@countersign/contracts';
import { describe, expect, test } from 'vitest';
import { loadKeyRing } from '../keys/ring.ts';
import { normalisedAnswer } from './answer.ts';
import { askedLately, askedNow, type Chosen } from './asked.ts';

const ring = loadKeyRing(`k1:${Buffer.alloc(32, 7).toString('base64')}`);
const HOUR_MS = 3_600_000;

describe('an answer is the same however it is typed', () => {
  test.each([
    ['Riga', 'riga'],
    ['  the   Old\tTown \n', 'the old town'],
    ['Ｒｉｇａ', 'riga'],
    ['Cafe\u0301', 'caf\u00e9'],
    ['Straße', 'strasse'],
    ['ПЕТЯ', 'петя'],
    ['\u200b riga', 'riga'],
  ])('%j: %j', (typed, normalised) => {
    expect(normalisedAnswer(typed)).toBe(normalised);
    expect(normalisedAnswer(normalisedAnswer(typed))).toBe(normalised);
  });
});

describe('which are asked', () => {
  const chosen: Chosen = { userId: 'u', chosenAt: 1, questions: SECURITY_QUESTIONS.slice(0, 6) };
  const start = 1_000_000 * HOUR_MS;

  test('the same for an hour, of one person, until they choose anew', () => {
    const first = askedNow(ring, chosen, 2, start);
    expect(new Set(first).size).toBe(2);
    expect(askedNow(ring, chosen, 2, start + HOUR_MS - 1)).toEqual(first);
    const others = [
      ...Array.from({ length: 30 }, (_, hour) => askedNow(ring, chosen, 2, start + hour * HOUR_MS)),
      ...Array.from({ length: 30 }, (_, n) => askedNow(ring, { ...chosen, userId: `u${n}` }, 2, start)),
      ...Array.from({ length: 30 }, (_, n) => askedNow(ring, { ...chosen, chosenAt: n }, 2, start)),
    ];
    expect(new Set(others.flat())).toEqual(new Set(chosen.questions));
  });

  test('those of the hour before may be answered for ten minutes more', () => {
    const before = askedNow(ring, chosen, 2, start - 1);
    expect(askedLately(ring, chosen, 2, start + 9 * 60_000)).toContainEqual(before);
    expect(askedLately(ring, chosen, 2, start + 11 * 60_000)).toHaveLength(1);
    expect(askedLately(ring, chosen, 2, start + 11 * 60_000)).toEqual([askedNow(ring, chosen, 2, start)]);
  });
});
