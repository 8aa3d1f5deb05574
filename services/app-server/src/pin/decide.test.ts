import { describe, expect, test } from 'vitest';
import { attemptsOf } from '../challenge/evolve.ts';
import { decidePinTry, decideStart, decideVerify, type HeldPin } from '../challenge/decide.ts';
import {
  APPLICATION,
  keyOf,
  smsMatches,
  start,
  startSms,
  stepAt,
  Story,
  totpMatch,
  verify,
} from '../challenge/testing/commands.ts';
import { amrOf } from '../keys/signing.ts';
import type { PinOutcome } from '../challenge/events.ts';

const pin = true;
const held = (is: PinOutcome, atPortal = false): { pin: HeldPin } => ({ pin: { is, lane: 'anywhere', atPortal } });
/** Pays, then decides, as the use case does. */
function answer(story: Story, name: string, how: { is: PinOutcome; atPortal?: boolean }, right = true) {
  const match = right ? [totpMatch(stepAt(story.now))] : [];
  story.do(decidePinTry, verify(name, match));
  return story.do(decideVerify, verify(name, match, held(how.is, how.atPortal)));
}
function started(...names: string[]): Story {
  const story = new Story();
  for (const name of names) story.do(decideStart, start(name, { pin }));
  return story;
}
const spent = (story: Story) => attemptsOf(story.state, 'totp', 'anywhere');

describe('a code and the PIN beside it are decided together', () => {
  test('both right: in, with the PIN named and no method more (AAL-24)', () => {
    const event = answer(started('one'), 'one', { is: 'right' });
    expect(event).toMatchObject({ type: 'challenge.approved', method: 'totp', pin: 'right' });
    expect(amrOf('totp')).toEqual(['otp']);
  });

  test('whichever is wrong, the caller hears the same; the audit tells them apart', () => {
    const events = [
      answer(started('one'), 'one', { is: 'wrong' }),
      answer(started('one'), 'one', { is: 'right' }, false),
      answer(started('one'), 'one', { is: 'wrong' }, false),
      answer(started('one'), 'one', { is: 'missing' }, false),
      answer(started('one'), 'one', { is: 'missing', atPortal: true }, false),
    ];
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['code.rejected']));
    expect(new Set(events.map((event) => Object.keys(event).join()))).toHaveLength(1);
    expect(events.map((event) => 'reason' in event && event.reason)).toEqual([
      'pin',
      'wrong',
      'wrong',
      'wrong',
      'wrong',
    ]);
  });

  test('a challenge that wants one takes no code without, and pays nothing for that', () => {
    const story = started('one');
    expect(story.try(decideVerify, verify('one', [totpMatch(stepAt(story.now))]))).toBe('REQUEST_INVALID');
    expect(spent(story)).toMatchObject({ inARow: 0 });
  });

  test('OATH-25: a right code beside a wrong PIN is not used up; one that was accepted is', () => {
    const story = started('one', 'two');
    const match = [totpMatch(stepAt(story.now))];
    story.do(decideVerify, verify('one', match, held('wrong')));
    expect(story.do(decideVerify, verify('one', match, held('right')))).toMatchObject({ type: 'challenge.approved' });
    expect(story.do(decideVerify, verify('two', match, held('right')))).toMatchObject({ reason: 'replayed' });
  });

  test('so is a code by SMS, and its challenge stays open', () => {
    const story = new Story();
    story.do(decideStart, startSms('one', { pin }));
    const matches = smsMatches('one', 1);
    story.do(decideVerify, verify('one', [], { matches, ...held('wrong') }));
    expect(story.try(decideVerify, verify('one', [], { matches, ...held('right') }))).toBe('challenge.approved');
    expect(story.try(decideVerify, verify('one', [], { matches, ...held('right') }))).toBe('CHALLENGE_CLOSED');
  });
});

describe('whoever has none, or one to be changed', () => {
  test.each<PinOutcome>(['missing', 'due'])('is denied once the code was right, which is used up (%s)', (is) => {
    const story = started('one', 'two');
    const match = [totpMatch(stepAt(story.now))];
    expect(story.do(decideVerify, verify('one', match, held(is)))).toMatchObject({
      type: 'challenge.denied',
      reason: `pin ${is}`,
    });
    expect(story.state.closed).toMatchObject([{ key: keyOf('one'), state: 'denied' }]);
    expect(story.do(decideVerify, verify('two', match, held(is)))).toMatchObject({ reason: 'replayed' });
  });

  test.each<PinOutcome>(['missing', 'due'])('is let in at the portal, where it is set (%s)', (is) => {
    const event = answer(started('one'), 'one', { is, atPortal: true });
    expect(event).toMatchObject({ type: 'challenge.approved', pin: is });
  });

  test('a wrong one opens the portal no more than any other', () => {
    expect(answer(started('one'), 'one', { is: 'wrong', atPortal: true })).toMatchObject({ reason: 'pin' });
  });
});

describe('each look is paid for before (AAL-21)', () => {
  test('a wrong one costs one try, and not two', () => {
    const story = started('one');
    answer(story, 'one', { is: 'wrong' });
    expect(spent(story)).toMatchObject({ inARow: 1 });
  });

  test('a right one gives it back', () => {
    const story = started('one', 'two');
    const before = spent(story);
    answer(story, 'one', { is: 'right' });
    expect(spent(story)).toMatchObject({ inARow: 0, waitUntil: 0 });
    expect(spent(story).fullUntil).toBeLessThanOrEqual(Math.max(before.fullUntil, story.now));
  });

  test('so many, whether the code or the PIN is wrong; what was paid for is looked at all the same', () => {
    const story = started('one');
    for (let count = 0; count < 4; count += 1) answer(story, 'one', { is: 'wrong' }, count % 2 === 0);
    story.do(decidePinTry, verify('one', []));
    expect(story.try(decidePinTry, verify('one', []))).toBe('TRY_LATER');
    expect(answer2(story)).toMatchObject({ type: 'challenge.approved', applicationId: APPLICATION });
  });
});

function answer2(story: Story) {
  return story.do(decideVerify, verify('one', [totpMatch(stepAt(story.now))], held('right')));
}

test('a policy without a PIN changes nothing: no try is recorded, and no field is there', () => {
  const story = new Story();
  story.do(decideStart, start('one'));
  const event = story.do(decideVerify, verify('one', [totpMatch(stepAt(story.now))]));
  expect(event).not.toHaveProperty('pin');
  expect(event).not.toHaveProperty('refund');
  expect(story.state.open).toEqual([]);
});
