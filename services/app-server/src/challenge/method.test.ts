import { expect, test } from 'vitest';
import { chooseMethod, insteadOf } from './method.ts';

test('R21: a name that nobody has shows the same ways when the app is quiet as when it is not', () => {
  const has = { passkeys: [], recovery: undefined };
  const choose = (disguise: number, requested?: 'app' | 'totp' | 'sms') =>
    chooseMethod(undefined, has, ['app', 'totp', 'sms'], requested, disguise);
  const firsts = Array.from({ length: 256 }, (_, disguise) => ({ disguise, first: choose(disguise) }));
  const quiet = firsts.filter(({ first }) => first.method === 'app' && first.alternatives.length > 0);
  expect(quiet.length).toBeGreaterThan(0);
  for (const { disguise, first } of quiet) {
    const instead = insteadOf(first) as 'totp' | 'sms';
    expect(first.alternatives).toContain(instead);
    const shown = [instead, ...choose(disguise, instead).alternatives];
    expect(shown.toSorted()).toEqual([first.method, ...first.alternatives].toSorted());
  }
});
