import { DEFAULT_POLICY, MAX_CODE_LIFE_SECONDS } from '@countersign/contracts';
import { describe, expect, test } from 'vitest';
import { decideCancel, decideResend, decideStart, decideVerify, type Decision, type StartCommand } from './decide.ts';
import type { UserEvent } from './events.ts';
import { promptBudget } from './prompt-budget.ts';
import type { UserState } from './state.ts';
import {
  APPLICATION,
  cancel,
  keyOf,
  OTHER_APPLICATION,
  PHONE,
  resend,
  smsMatches,
  start,
  START_OF_TEST,
  startSms,
  stepAt,
  Story,
  TOKEN,
  totpMatch,
  verify,
} from './testing/commands.ts';

const NOW_STEP = stepAt(START_OF_TEST);
const BLOCK: UserEvent = { type: 'user.blocked', reason: 'phone stolen', by: 'helpdesk' };
const UNBLOCK: UserEvent = { type: 'user.unblocked', reason: 'phone found', by: 'helpdesk' };
const DISABLE: UserEvent = { type: 'user.disabled', by: 'directory' };
const bypass = (expiresAt: number): UserEvent => ({
  type: 'bypass.granted',
  expiresAt,
  reason: 'no phone',
  by: 'desk',
});

function started(...names: string[]): Story {
  const story = new Story();
  for (const name of names) story.do(decideStart, start(name));
  return story;
}

describe('one-time use of TOTP codes', () => {
  test('OATH-23, INV-1: a step is accepted once, and no older one after it', () => {
    const story = started('one', 'two', 'three');
    expect(story.try(decideVerify, verify('one', [totpMatch(NOW_STEP)]))).toBe('challenge.approved');
    for (const step of [NOW_STEP, NOW_STEP - 1]) {
      expect(story.do(decideVerify, verify('two', [totpMatch(step)]))).toMatchObject({
        type: 'code.rejected',
        reason: 'replayed',
      });
    }
    expect(story.try(decideVerify, verify('three', [totpMatch(NOW_STEP + 1)]))).toBe('challenge.approved');
  });

  test('OATH-24: a replayed code is told as any wrong one and audited as what it is', () => {
    const story = started('one', 'two');
    story.do(decideVerify, verify('one', [totpMatch(NOW_STEP)]));
    const replayed = story.do(decideVerify, verify('two', [totpMatch(NOW_STEP)]));
    const wrong = story.do(decideVerify, verify('two', []));
    expect(replayed).toMatchObject({ type: 'code.rejected', reason: 'replayed' });
    expect(wrong).toMatchObject({ type: 'code.rejected', reason: 'wrong' });
    expect(Object.keys(replayed)).toEqual(Object.keys(wrong));
  });

  test('a step of one token says nothing of another', () => {
    const story = started('one', 'two');
    story.do(decideVerify, verify('one', [totpMatch(NOW_STEP, {}, 'first')]));
    expect(story.try(decideVerify, verify('two', [totpMatch(NOW_STEP, {}, 'second')]))).toBe('challenge.approved');
  });

  test('of several tokens that a code fits, one that has not used it yet answers', () => {
    const story = started('one', 'two');
    story.do(decideVerify, verify('one', [totpMatch(NOW_STEP, {}, 'first')]));
    const both = [totpMatch(NOW_STEP, {}, 'first'), totpMatch(NOW_STEP, {}, 'second')];
    expect(story.do(decideVerify, verify('two', both))).toMatchObject({ authenticatorId: 'second' });
  });

  test('OATH-22: the estimate of drift is kept on success, and on nothing else', () => {
    const story = started('one', 'two');
    story.do(decideVerify, verify('one', [totpMatch(NOW_STEP, { driftSteps: -1 })]));
    expect(story.state.factors[TOKEN]).toEqual({ lastStep: NOW_STEP, driftSteps: -1 });
    story.do(decideVerify, verify('two', [totpMatch(NOW_STEP, { driftSteps: 2 })]));
    story.append(BLOCK);
    story.do(decideVerify, verify('two', [totpMatch(NOW_STEP + 1, { driftSteps: 2 })]));
    expect(story.state.factors[TOKEN]?.driftSteps).toBe(-1);
  });

  test('OATH-25: a right code that a block refuses is used up all the same', () => {
    const story = started('one');
    story.append(BLOCK);
    const refused = story.do(decideVerify, verify('one', [totpMatch(NOW_STEP)]));
    expect(refused).toMatchObject({ type: 'code.rejected', reason: 'blocked' });
    story.append(UNBLOCK);
    story.do(decideStart, start('two'));
    expect(story.do(decideVerify, verify('two', [totpMatch(NOW_STEP)]))).toMatchObject({ reason: 'replayed' });
  });

  test('HA-52: after the clock went back, an older step is still used up', () => {
    const story = started('one');
    story.do(decideVerify, verify('one', [totpMatch(NOW_STEP)]));
    story.later(-120_000).do(decideStart, start('two'));
    expect(story.do(decideVerify, verify('two', [totpMatch(NOW_STEP - 4)]))).toMatchObject({ reason: 'replayed' });
  });

  test('HA-20: nothing up to the recovery floor counts, whatever the ledger remembers', () => {
    const story = started('one');
    const floor = { at: START_OF_TEST };
    // 10 s for clocks, one step of window, two of drift.
    const spent = verify('one', [totpMatch(stepAt(START_OF_TEST + 10_000) + 3)], { floor });
    expect(story.do(decideVerify, spent)).toMatchObject({ type: 'code.rejected', reason: 'floor' });
    const fresh = verify('one', [totpMatch(stepAt(START_OF_TEST + 10_000) + 4)], { floor });
    expect(story.try(decideVerify, fresh)).toBe('challenge.approved');
  });
});

describe('codes by SMS', () => {
  test('INV-1, INV-7: a code is right once, for its own challenge', () => {
    const story = new Story();
    story.do(decideStart, startSms('one'));
    story.do(decideStart, startSms('two'));
    const crossed = verify('two', [], { matches: smsMatches('one', 1) });
    expect(story.try(decideVerify, crossed)).toBe('code.rejected');
    const right = verify('one', [], { matches: smsMatches('one', 1) });
    expect(story.try(decideVerify, right)).toBe('challenge.approved');
    expect(story.try(decideVerify, right)).toBe('CHALLENGE_CLOSED');
  });

  test('AAL-10: a resend voids the code before and gives no attempt back', () => {
    const story = new Story();
    story.do(decideStart, startSms('one'));
    for (let count = 0; count < 4; count += 1) story.do(decideVerify, verify('one', []));
    const spent = story.state.attempts;
    story.later(30_000).do(decideResend, resend('one'));
    expect(story.state.attempts).toEqual(spent);
    expect(story.try(decideVerify, verify('one', [], { matches: smsMatches('one', 1) }))).toBe('code.rejected');
    expect(story.try(decideVerify, verify('one', []))).toBe('TRY_LATER');
    story.later(30_000);
    expect(story.try(decideVerify, verify('one', [], { matches: smsMatches('one', 2) }))).toBe('challenge.approved');
  });

  test('AAL-10: five resends change nothing of the count of wrong codes', () => {
    const messages = { ...DEFAULT_POLICY.messages, maxResends: 5, resendWaitSeconds: 0 };
    const story = new Story();
    story.do(decideStart, startSms('one'));
    for (let count = 0; count < 3; count += 1) story.do(decideVerify, verify('one', []));
    const spent = story.state.attempts;
    for (let count = 0; count < 5; count += 1) story.do(decideResend, resend('one', { messages }));
    expect(story.state.attempts).toEqual(spent);
    expect(story.try(decideResend, resend('one', { messages }))).toBe('TRY_LATER');
  });

  test.each([1, 2, 3])('TEL-44: resend %i waits twice as long as the one before', (nth) => {
    const story = new Story();
    story.do(decideStart, startSms('one'));
    for (let sends = 1; sends <= nth; sends += 1) {
      const waitMs = 30_000 * 2 ** (sends - 1);
      expect(story.later(waitMs - 1).try(decideResend, resend('one'))).toBe('TRY_LATER');
      expect(story.later(1).try(decideResend, resend('one'))).toBe('code.resent');
    }
  });

  test('AAL-11: no resend and no policy makes a challenge last longer than ten minutes', () => {
    const story = new Story();
    story.do(decideStart, startSms('one', { lifeMs: 3_600_000 }));
    expect(story.state.open[0]?.expiresAt).toBe(START_OF_TEST + MAX_CODE_LIFE_SECONDS * 1000);
    story.later(400_000).do(decideResend, resend('one', { lifeMs: 3_600_000 }));
    expect(story.state.open[0]?.expiresAt).toBe(START_OF_TEST + MAX_CODE_LIFE_SECONDS * 1000);
  });

  test('TOTP is not sent, so it is not sent again', () => {
    expect(started('one').try(decideResend, resend('one'))).toBe('REQUEST_INVALID');
  });

  test('R17: nothing is sent to a phone that was taken away, and its code is not right', () => {
    const story = new Story();
    story.append({ type: 'authenticator.removed', authenticatorId: PHONE, by: 'desk' });
    story.do(decideStart, startSms('one'));
    expect(story.state.open[0]).toMatchObject({ void: true, sends: 1 });
    expect(story.state.open[0]).not.toHaveProperty('codeMac');
    const known = verify('one', [], { matches: () => [{ authenticatorId: PHONE }] });
    expect(story.do(decideVerify, known)).toMatchObject({ reason: 'void' });
  });

  test('R17: an authenticator that is removed between code and answer does not answer', () => {
    const story = new Story();
    story.do(decideStart, startSms('one'));
    story.do(decideStart, start('two'));
    story.append({ type: 'authenticator.removed', authenticatorId: PHONE, by: 'desk' });
    story.append({ type: 'authenticator.removed', authenticatorId: TOKEN, by: 'desk' });
    const late = verify('one', [], { matches: smsMatches('one', 1) });
    expect(story.do(decideVerify, late)).toMatchObject({ reason: 'void' });
    expect(story.do(decideVerify, verify('two', [totpMatch(NOW_STEP)]))).toMatchObject({ reason: 'removed' });
  });
});

describe('attempts', () => {
  test('R2: once the budget is spent no code is looked at, right or wrong', () => {
    const story = started('one');
    let looks = 0;
    const look = verify('one', [], {
      matches: () => {
        looks += 1;
        return [];
      },
    });
    for (let count = 0; count < 1000; count += 1) story.try(decideVerify, look);
    expect(looks).toBe(DEFAULT_POLICY.attempts.free);
  });

  test('R3: the budget is the same however many challenges are opened, and for every application', () => {
    const story = new Story();
    let looks = 0;
    const matches = () => {
      looks += 1;
      return [];
    };
    for (let count = 0; count < 50; count += 1) {
      const name = `number ${count}`;
      const applicationId = count % 2 === 0 ? APPLICATION : OTHER_APPLICATION;
      story.try(decideStart, start(name, { applicationId }));
      story.try(decideVerify, verify(name, [], { applicationId, matches }));
    }
    expect(looks).toBe(DEFAULT_POLICY.attempts.free);
  });

  test('R9: neither a start nor a malformed code counts as a try', () => {
    const story = new Story();
    for (let count = 0; count < 100; count += 1) {
      story.do(decideStart, start(`number ${count}`));
      const malformed = verify(`number ${count}`, [], { code: '1234567' });
      expect(story.try(decideVerify, malformed)).toBe('REQUEST_INVALID');
    }
    expect(story.state.attempts).toEqual({});
  });

  test('R9: a right code takes back wrong ones of its own factor and place, and no others', () => {
    const story = started('totp');
    story.do(decideStart, startSms('sms'));
    for (let count = 0; count < 3; count += 1) {
      story.do(decideVerify, verify('totp', []));
      story.do(decideVerify, verify('sms', []));
    }
    story.do(decideVerify, verify('sms', [], { matches: smsMatches('sms', 1) }));
    expect(story.state.attempts.sms?.anywhere?.inARow).toBe(0);
    expect(story.state.attempts.totp?.anywhere?.inARow).toBe(3);
  });

  test('R9: an enrolment proves a new authenticator, and takes back no wrong codes of logins', () => {
    const story = started('login');
    for (let count = 0; count < 3; count += 1) story.do(decideVerify, verify('login', []));
    story.do(decideStart, start('enrol', { purpose: 'enrol', authenticatorId: 'new' }));
    story.do(decideVerify, verify('enrol', [totpMatch(NOW_STEP, {}, 'new')], { purpose: 'enrol' }));
    expect(story.state.attempts.totp?.anywhere?.inARow).toBe(3);
    expect(story.state.knownDevices).toEqual([]);
  });

  test('R10: wrong codes from anywhere keep nobody out who comes from a known browser', () => {
    const story = new Story();
    story.do(decideStart, start('home', { device: 'home' }));
    story.do(decideVerify, verify('home', [totpMatch(NOW_STEP)]));
    for (let count = 0; count < 200; count += 1) {
      story.later(60_000);
      story.try(decideStart, start(`attack ${count}`));
      story.try(decideVerify, verify(`attack ${count}`, []));
    }
    expect(story.try(decideStart, start('elsewhere'))).toBe('TRY_LATER');
    story.do(decideStart, start('home again', { device: 'home' }));
    const right = verify('home again', [totpMatch(stepAt(story.now))]);
    expect(story.try(decideVerify, right)).toBe('challenge.approved');
  });

  test('R10: who knows only a name cannot push out what was opened from a known browser, nor an enrolment', () => {
    const story = new Story();
    story.do(decideStart, start('home', { device: 'home' }));
    story.do(decideVerify, verify('home', [totpMatch(NOW_STEP)]));
    story.do(decideStart, start('home again', { device: 'home' }));
    story.do(decideStart, start('enrolment', { purpose: 'enrol' }));
    for (let count = 0; count < 100; count += 1) story.do(decideStart, start(`attack ${count}`));
    const keys = story.state.open.map(({ key }) => key);
    expect(keys).toContain(keyOf('home again'));
    expect(keys).toContain(keyOf('enrolment'));
  });

  test('a code by SMS costs one try however many tokens there are; a TOTP code one for each', () => {
    const story = started('totp');
    story.do(decideStart, startSms('sms'));
    const cost = 5;
    const sms = story.do(decideVerify, verify('sms', [], { cost }));
    const totp = story.do(decideVerify, verify('totp', [], { cost }));
    const fullUntil = (event: UserEvent) => (event.type === 'code.rejected' ? event.attempts.fullUntil - story.now : 0);
    expect(fullUntil(totp)).toBe(5 * fullUntil(sms));
  });

  test('Retry-After says when a code is looked at again', () => {
    const story = started('one');
    for (let count = 0; count < 5; count += 1) story.do(decideVerify, verify('one', []));
    const decision = decideVerify(story.state, verify('one', []), story.now);
    expect('refuse' in decision && decision.refuse.retryAfterSeconds).toBe(30);
  });
});

describe('one-time bypass (INV-22)', () => {
  test('lets in once, until it ends, and says who gave it', () => {
    const story = new Story();
    story.append(bypass(START_OF_TEST + 300_000));
    expect(story.do(decideStart, start('one'))).toMatchObject({ type: 'bypass.used', by: 'desk' });
    expect(story.try(decideStart, start('two'))).toBe('challenge.started');
    story.append(bypass(story.now + 300_000));
    expect(story.later(300_000).try(decideStart, start('three'))).toBe('challenge.started');
  });

  test('does not stand for an enrolment', () => {
    const story = new Story();
    story.append(bypass(START_OF_TEST + 300_000));
    expect(story.try(decideStart, start('one', { purpose: 'enrol' }))).toBe('challenge.started');
  });

  test.each<[string, (story: Story) => Parameters<typeof start>[1]]>([
    ['blocked', (story) => (story.append(BLOCK), {})],
    ['disabled in the ledger', (story) => (story.append(DISABLE), {})],
    ['disabled in Postgres, of which the ledger was not told', () => ({ disabled: true })],
  ])('R17: does not help somebody %s', (_, bar) => {
    const story = new Story();
    story.append(bypass(START_OF_TEST + 300_000));
    const overrides = bar(story);
    expect(story.do(decideStart, start('one', overrides))).toMatchObject({ challenge: { void: true } });
  });
});

describe('R17: somebody disabled or blocked fails at every stage', () => {
  const bars: [string, UserEvent][] = [
    ['blocked', BLOCK],
    ['disabled', DISABLE],
  ];

  test.each(bars)(
    '%s before the start: a challenge that nothing can answer, or the truth where it may be told',
    (_, bar) => {
      const story = new Story();
      story.append(bar);
      expect(story.try(decideStart, start('revealed', { reveal: true }))).toBe('USER_DISABLED');
      story.do(decideStart, startSms('one'));
      expect(story.state.open[0]).not.toHaveProperty('codeMac');
      expect(story.try(decideVerify, verify('one', [{ authenticatorId: PHONE }]))).toBe('code.rejected');
    },
  );

  test.each(bars)('%s between challenge and answer: rejected, also after it was lifted', (reason, bar) => {
    const story = started('one');
    story.append(bar);
    expect(story.do(decideVerify, verify('one', [totpMatch(NOW_STEP)]))).toMatchObject({ reason });
    story.append(UNBLOCK);
    story.append({ type: 'user.enabled', by: 'directory' });
    expect(story.do(decideVerify, verify('one', [totpMatch(NOW_STEP + 1)]))).toMatchObject({ reason: 'void' });
  });

  test('disabled in Postgres alone, of which the ledger was not told', () => {
    const told = started('one').do(decideVerify, verify('one', [totpMatch(NOW_STEP)], { disabled: true }));
    expect(told).toMatchObject({ type: 'code.rejected', reason: 'disabled' });
  });

  test('a resend to somebody blocked sends a code that is never right', () => {
    const story = new Story();
    story.do(decideStart, startSms('one'));
    story.append(BLOCK);
    story.later(30_000).do(decideResend, resend('one'));
    expect(story.state.open[0]).not.toHaveProperty('codeMac');
  });
});

/**
 * Every command in every state a challenge can be in. What is not listed as accepted is refused, and a refusal appends nothing.
 */
describe('R19: skipping, replaying and reordering steps never advances anything', () => {
  const atRest = () => new Story();
  const STATES: Record<string, () => Story> = {
    nothing: atRest,
    'TOTP pending': () => started('it'),
    'SMS pending': () => {
      const story = new Story();
      story.do(decideStart, startSms('it'));
      return story.later(30_000);
    },
    'pending, voided by a block': () => {
      const story = started('it');
      story.append(BLOCK);
      story.append(UNBLOCK);
      return story;
    },
    'pending, of another application': () => {
      const story = new Story();
      story.do(decideStart, startSms('it', { applicationId: OTHER_APPLICATION }));
      return story.later(30_000);
    },
    'pending, an enrolment': () => {
      const story = new Story();
      story.do(decideStart, startSms('it', { purpose: 'enrol' }));
      return story.later(30_000);
    },
    expired: () => {
      const story = new Story();
      story.do(decideStart, startSms('it'));
      return story.later(300_000);
    },
    approved: () => {
      const story = started('it');
      story.do(decideVerify, verify('it', [totpMatch(NOW_STEP)]));
      return story;
    },
    cancelled: () => {
      const story = started('it');
      story.do(decideCancel, cancel('it'));
      return story;
    },
    'approved by a bypass': () => {
      const story = new Story();
      story.append(bypass(START_OF_TEST + 300_000));
      story.do(decideStart, start('it'));
      return story;
    },
    'closed, of another application': () => {
      const story = new Story();
      story.do(decideStart, start('it', { applicationId: OTHER_APPLICATION }));
      story.do(decideVerify, verify('it', [totpMatch(NOW_STEP)], { applicationId: OTHER_APPLICATION }));
      return story;
    },
    'an enrolment that was approved': () => {
      const story = new Story();
      story.do(decideStart, start('it', { purpose: 'enrol' }));
      story.do(decideVerify, verify('it', [totpMatch(NOW_STEP)], { purpose: 'enrol' }));
      return story;
    },
  };
  const step = (story: Story) => [totpMatch(stepAt(story.now) + 5), { authenticatorId: PHONE }];
  const COMMANDS: Record<string, (state: UserState, story: Story) => Decision> = {
    'start again': (state, story) => decideStart(state, start('it'), story.now),
    'right code': (state, story) => decideVerify(state, verify('it', step(story).slice(0, 1)), story.now),
    'wrong code': (state, story) => decideVerify(state, verify('it', []), story.now),
    'empty code': (state, story) => decideVerify(state, verify('it', step(story), { code: '' }), story.now),
    'code too long': (state, story) => decideVerify(state, verify('it', step(story), { code: '12345678' }), story.now),
    cancel: (state, story) => decideCancel(state, cancel('it'), story.now),
    resend: (state, story) => decideResend(state, resend('it'), story.now),
  };
  const everywhere = (answer: string) => Object.fromEntries(Object.keys(COMMANDS).map((name) => [name, answer]));
  const pending = {
    'start again': 'CHALLENGE_CLOSED',
    'right code': 'challenge.approved',
    'wrong code': 'code.rejected',
    'empty code': 'REQUEST_INVALID',
    'code too long': 'REQUEST_INVALID',
    cancel: 'challenge.cancelled',
  };
  const notFound = { ...everywhere('CHALLENGE_NOT_FOUND'), 'start again': 'CHALLENGE_CLOSED' };
  const unknown = { ...everywhere('CHALLENGE_NOT_FOUND'), 'start again': 'challenge.started' };
  const EXPECTED: Record<keyof typeof STATES, Record<string, string>> = {
    nothing: unknown,
    'TOTP pending': { ...pending, resend: 'REQUEST_INVALID' },
    'SMS pending': { ...pending, resend: 'code.resent' },
    'pending, voided by a block': { ...pending, 'right code': 'code.rejected', resend: 'REQUEST_INVALID' },
    'pending, of another application': notFound,
    'pending, an enrolment': notFound,
    expired: everywhere('CHALLENGE_CLOSED'),
    approved: everywhere('CHALLENGE_CLOSED'),
    cancelled: everywhere('CHALLENGE_CLOSED'),
    'approved by a bypass': everywhere('CHALLENGE_CLOSED'),
    'closed, of another application': notFound,
    // Nobody may take its end for that of a login.
    'an enrolment that was approved': notFound,
  };
  const table = Object.keys(STATES).flatMap((state) => Object.keys(COMMANDS).map((command) => ({ state, command })));

  test.each(table)('$state: $command', ({ state, command }) => {
    const story = STATES[state]?.() ?? new Story();
    const before = structuredClone(story.state);
    const decision = COMMANDS[command]?.(story.state, story);
    if (decision === undefined) throw new Error('no such command');
    const answer = 'refuse' in decision ? decision.refuse.code : decision.append.type;
    expect(answer).toBe(EXPECTED[state]?.[command]);
    expect(story.state).toEqual(before);
  });

  test('the table has every state and command', () => {
    expect(Object.keys(EXPECTED)).toEqual(Object.keys(STATES));
    expect(table.length).toBeGreaterThan(80);
  });
});

describe('INV-6: nothing is approved after its time', () => {
  test.each([
    [299_999, 'challenge.approved'],
    [300_000, 'CHALLENGE_CLOSED'],
  ])('%i ms after a start of 300 s', (ms, answer) => {
    const story = started('one').later(ms);
    expect(story.try(decideVerify, verify('one', [totpMatch(stepAt(story.now))]))).toBe(answer);
  });
});

describe('R21: what a decoy is asked looks as what a user is asked', () => {
  test('the same kinds of events, and the code is held against something as often', () => {
    const real = started('one');
    const decoy = new Story();
    decoy.do(decideStart, start('one', { decoy: true }));
    const counts = [real, decoy].map((story) => {
      let looks = 0;
      const matches = () => {
        looks += 1;
        return [];
      };
      const answers = Array.from({ length: 10 }, () => story.try(decideVerify, verify('one', [], { matches })));
      return { looks, answers };
    });
    expect(counts[0]).toEqual(counts[1]);
  });

  test('a blocked user spends attempts like any other', () => {
    const story = started('one');
    story.append(BLOCK);
    const answers = Array.from({ length: 6 }, () => story.try(decideVerify, verify('one', [totpMatch(NOW_STEP)])));
    expect(answers).toEqual([...Array.from({ length: 5 }, () => 'code.rejected'), 'TRY_LATER']);
  });

  describe('a person who reported a login', () => {
    const inApp = (name: string, overrides: Partial<StartCommand> = {}) =>
      start(name, { method: 'app', attempts: promptBudget(DEFAULT_POLICY.app), ...overrides });
    const reported = () => {
      const story = new Story();
      story.append({ type: 'fraud.reported', applicationId: OTHER_APPLICATION, loginId: 'login' });
      return story;
    };

    test('is asked in the app as a name is that nobody has, and nothing is sent', () => {
      const [story, nobody] = [reported(), new Story()];
      const answers = [0, 1, 2, 3].map((count) => story.try(decideStart, inApp(`login ${count}`)));
      expect(answers).toEqual([0, 1, 2, 3].map((count) => nobody.try(decideStart, inApp(`login ${count}`))));
      expect(answers).toContain('TRY_LATER');
      expect(story.state.attempts).toEqual(nobody.state.attempts);
      expect(story.state.open.every((challenge) => challenge.void === true)).toBe(true);
    });

    test('is told of to whoever may know', () => {
      expect(reported().try(decideStart, inApp('login', { reveal: true }))).toBe('METHOD_UNAVAILABLE');
    });

    test('R22: is left in peace for its time also where they log in by another method, if the report does not block', () => {
      const story = new Story();
      const common = { key: 'k', applicationId: OTHER_APPLICATION, authenticatorId: 'a', attemptId: 'b' };
      const quietUntil = story.now + 900_000;
      story.append({ type: 'challenge.denied', ...common, method: 'app', reason: 'fraud', fraud: 'noted', quietUntil });
      story.append({ type: 'challenge.approved', ...common, method: 'totp', purpose: 'login' });
      expect(story.try(decideStart, inApp('at once'))).toBe('TRY_LATER');
      story.now = quietUntil;
      expect(story.try(decideStart, inApp('later'))).toBe('challenge.started');
    });

    test('may be asked at once when an administrator has lifted it', () => {
      const story = reported();
      for (let count = 0; count < 4; count += 1) story.try(decideStart, inApp(`login ${count}`));
      story.append({ type: 'user.unblocked', reason: 'talked to them', by: 'desk' });
      story.do(decideStart, inApp('again'));
      expect(story.state.open.at(-1)?.void).toBeUndefined();
    });
  });
});
