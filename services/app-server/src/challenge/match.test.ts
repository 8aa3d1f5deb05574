import { DEFAULT_POLICY, type Policy } from '@countersign/contracts';
import { STRICT_WINDOW_STEPS, totpCode, type TotpParameters } from '@countersign/otp';
import { describe, expect, test } from 'vitest';
import { loadKeyRing } from '../keys/ring.ts';
import type { LoginUsers } from '../user/login-users.ts';
import type { LoginAuthenticator, LoginUser } from '../user/store.ts';
import { codeFor, codeMacFor } from './code.ts';
import { decideStart, decideVerify } from './decide.ts';
import { matcherFor } from './match.ts';
import {
  GENEROUS,
  keyOf,
  PHONE,
  start,
  START_OF_TEST,
  startSms,
  stepAt,
  Story,
  TOKEN,
  verify,
} from './testing/commands.ts';

const ring = loadKeyRing(`k1:${Buffer.alloc(32, 7).toString('base64')}`);
const parameters: TotpParameters = { secret: Buffer.alloc(20, 3), algorithm: 'SHA1', digits: 6, periodSeconds: 30 };
const users = { totpParameters: () => parameters } as unknown as LoginUsers;
const token: LoginAuthenticator = {
  authenticatorId: TOKEN,
  type: 'totp',
  state: 'active',
  createdAt: START_OF_TEST - 86_400_000,
  algorithm: 'SHA1',
  digits: 6,
  periodSeconds: 30,
  sealed: '',
};
const alice: LoginUser = { userId: TOKEN, username: 'alice', status: 'enabled', authenticators: [token] };

/** Types a code into a new challenge. */
function type(
  story: Story,
  code: string,
  policy: Policy['totp'] = DEFAULT_POLICY.totp,
  user: LoginUser = alice,
): string {
  const name = `number ${story.events.length}`;
  story.do(decideStart, start(name, { attempts: GENEROUS }));
  const matcher = matcherFor({ ring, users }, user, policy, name, code);
  const { otherDigits, cost } = matcher;
  return story.try(
    decideVerify,
    verify(name, [], {
      code,
      otherDigits,
      cost,
      attempts: GENEROUS,
      matches: (challenge) => matcher.matches(story.state, challenge, story.now),
    }),
  );
}

const codeOfStep = (story: Story, offset: number) => totpCode(parameters, stepAt(story.now) + offset);

describe('which TOTP codes count', () => {
  test.each([
    [-2, 'code.rejected'],
    [-1, 'challenge.approved'],
    [0, 'challenge.approved'],
    [1, 'challenge.approved'],
    [2, 'code.rejected'],
  ])('OATH-21: by default a code %i steps off: %s', (offset, answer) => {
    const story = new Story();
    expect(type(story, codeOfStep(story, offset))).toBe(answer);
  });

  test.each([
    [-2, 'code.rejected'],
    [-1, 'challenge.approved'],
    [0, 'challenge.approved'],
    [1, 'code.rejected'],
  ])('OATH-26: in the strict profile a code %i steps off: %s', (offset, answer) => {
    const strict = {
      ...DEFAULT_POLICY.totp,
      pastSteps: STRICT_WINDOW_STEPS.past,
      futureSteps: STRICT_WINDOW_STEPS.future,
      maxDriftSteps: 0,
    };
    const story = new Story();
    expect(type(story, codeOfStep(story, offset), strict)).toBe(answer);
  });

  test('OATH-22: a token two steps slow is refused first; once its drift is known it counts within ±1', () => {
    // Late in a step, so that the code one step back is more than a step old.
    const story = new Story().later(25_000);
    expect(type(story, codeOfStep(story, -2))).toBe('code.rejected');
    // It goes on losing time, and is followed from one login to the next.
    for (const offset of [-1, -2]) {
      story.later(60_000);
      expect(type(story, codeOfStep(story, offset))).toBe('challenge.approved');
    }
    story.later(120_000);
    expect(story.state.factors[TOKEN]?.driftSteps).toBeLessThan(0);
    expect(type(story, codeOfStep(story, -2))).toBe('challenge.approved');
    story.later(120_000);
    expect(type(story, codeOfStep(story, -5))).toBe('code.rejected');
  });

  test('OATH-23: the same code is not right again, in any challenge and by any window', () => {
    const story = new Story();
    const code = codeOfStep(story, 0);
    expect(type(story, code)).toBe('challenge.approved');
    for (const waitMs of [0, 10_000, 25_000]) expect(type(story.later(waitMs), code)).toBe('code.rejected');
  });

  test('R4: each token that a code is held against is a chance, and is paid for', () => {
    const second = { ...token, authenticatorId: PHONE };
    const pending = { ...token, authenticatorId: keyOf('pending'), state: 'pending' as const };
    const user = { ...alice, authenticators: [token, second, pending] };
    expect(matcherFor({ ring, users }, user, DEFAULT_POLICY.totp, 'x', '123456').cost).toBe(2);
    expect(matcherFor({ ring, users }, undefined, DEFAULT_POLICY.totp, 'x', '123456').cost).toBe(1);
  });
});

describe('which codes by SMS count', () => {
  test('INV-3: the one that was sent last, for this challenge, and no other', () => {
    const story = new Story();
    const sent = codeFor(ring, 'this', 1, 6);
    story.do(decideStart, startSms('one', { codeMac: codeMacFor(ring, 'this', 1, sent) }));
    const challenge = story.state.open[0];
    if (challenge === undefined) throw new Error('no challenge');
    const right = (challengeId: string, code: string, sends = 1) =>
      matcherFor({ ring, users }, alice, DEFAULT_POLICY.totp, challengeId, code).matches(
        story.state,
        { ...challenge, sends },
        story.now,
      ).length;
    expect(right('this', sent)).toBe(1);
    expect(right('that', sent)).toBe(0);
    expect(right('this', sent, 2)).toBe(0);
    expect(right('this', codeFor(ring, 'this', 2, 6))).toBe(0);
  });

  test('R21: a challenge without a code is held against something and never right', () => {
    const story = new Story();
    const { codeMac: _, ...decoy } = startSms('one');
    story.do(decideStart, decoy);
    const challenge = story.state.open[0];
    if (challenge === undefined) throw new Error('no challenge');
    const matcher = matcherFor({ ring, users }, alice, DEFAULT_POLICY.totp, 'this', '000000');
    expect(matcher.matches(story.state, challenge, story.now)).toEqual([]);
  });
});
