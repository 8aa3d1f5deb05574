import { DEFAULT_POLICY } from '@countersign/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideAtOnce, decideCancel, decideClaim, decideStart, decideVerify, type StartCommand } from './decide.ts';
import type { UserState } from './state.ts';
import {
  APPLICATION,
  cancel,
  keyOf,
  OTHER_APPLICATION,
  PHONE,
  start,
  START_OF_TEST,
  stepAt,
  Story,
  totpMatch,
  verify,
} from './testing/commands.ts';

const NOW_STEP = stepAt(START_OF_TEST);

const atOnce =
  (name: string, matches: Parameters<typeof verify>[1]) => (state: UserState, command: StartCommand, now: number) =>
    decideAtOnce(state, command, () => verify(name, matches, { attemptId: command.attemptId }), now);

describe('a code that comes with the login', () => {
  test('is one event, with where it came from, and leaves nothing open', () => {
    const story = new Story();
    const context = { ip: '203.0.113.7' };
    const event = story.do(atOnce('one', [totpMatch(NOW_STEP)]), start('one', { context }));
    expect(event).toMatchObject({ type: 'challenge.approved', step: NOW_STEP, context });
    expect(story.state).toMatchObject({ open: [], closed: [] });
    expect(story.do(atOnce('two', [totpMatch(NOW_STEP)]), start('two'))).toMatchObject({ reason: 'replayed' });
  });

  test('costs and gives exactly what asking and answering would, right and wrong', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(120_000)), { maxLength: 12 }), (codes) => {
        const [once, twice] = [new Story(), new Story()];
        for (const [index, [ahead, afterMs]] of codes.entries()) {
          const name = `n${index}`;
          const step = stepAt(once.now) + 1;
          const matches = ahead === 0 ? [totpMatch(step)] : [];
          const told = once.try(atOnce(name, matches), start(name));
          const asked = twice.try(decideStart, start(name));
          const answered = asked === 'challenge.started' ? twice.try(decideVerify, verify(name, matches)) : asked;
          expect(told).toBe(answered);
          expect(once.state.attempts).toEqual(twice.state.attempts);
          expect(once.state.factors).toEqual(twice.state.factors);
          once.later(afterMs);
          twice.later(afterMs);
        }
      }),
    );
  });

  test('of somebody blocked is refused although it is right, and uses up no bypass', () => {
    const story = new Story();
    story.append({ type: 'user.blocked', reason: 'phone stolen', by: 'helpdesk' });
    expect(story.do(atOnce('one', [totpMatch(NOW_STEP)]), start('one'))).toMatchObject({
      type: 'code.rejected',
      reason: 'blocked',
    });
  });

  test('is not looked at where a bypass lets in', () => {
    const story = new Story();
    const expiresAt = START_OF_TEST + 60_000;
    story.append({ type: 'bypass.granted', expiresAt, reason: 'no phone', by: 'desk' });
    expect(story.try(atOnce('one', []), start('one'))).toBe('bypass.used');
    expect(story.try(atOnce('two', []), start('two'))).toBe('code.rejected');
  });
});

describe('RAD-21: a question that is answered once', () => {
  test('is over with a wrong answer, for the right one too; the next one is not', () => {
    const story = new Story();
    story.do(decideStart, start('one'));
    const right = (turn: number) => verify('one', [totpMatch(NOW_STEP)], { turn });
    expect(story.try(decideVerify, verify('one', [], { turn: 0 }))).toBe('code.rejected');
    const before = story.state;
    expect(story.try(decideVerify, right(0))).toBe('CHALLENGE_CLOSED');
    expect(story.state).toBe(before);
    expect(story.try(decideVerify, right(2))).toBe('CHALLENGE_CLOSED');
    expect(story.try(decideVerify, right(1))).toBe('challenge.approved');
  });
});

describe('RAD-46: a login that is begun anew', () => {
  const prompt = (name: string, join: string, changes: Partial<StartCommand> = {}) =>
    start(name, {
      method: 'app',
      digits: 3,
      authenticatorId: PHONE,
      join,
      asker: `asker ${name}`,
      attempts: { ...DEFAULT_POLICY.attempts, free: 20, anywhere: { burst: 100, refillSeconds: 1 } },
      ...changes,
    });
  const approve = (story: Story, name: string) =>
    story.append({
      type: 'challenge.approved',
      key: keyOf(name),
      applicationId: APPLICATION,
      purpose: 'login',
      method: 'app',
      authenticatorId: PHONE,
      attemptId: 'approve',
    });
  const claim = (name: string, by: string) => ({ ...cancel(name), attemptId: `claim ${by}`, asker: `asker ${by}` });

  test('finds its prompt, which costs none, and alone has the approval', () => {
    const story = new Story();
    story.do(decideStart, prompt('one', 'same'));
    const spent = story.state.attempts;
    expect(story.do(decideStart, prompt('two', 'same'))).toMatchObject({ type: 'challenge.joined', key: keyOf('one') });
    expect(story.state.attempts).toEqual(spent);
    expect(story.state.open).toHaveLength(1);
    approve(story, 'one');
    expect(story.try(decideClaim, claim('one', 'one'))).toBe('CHALLENGE_CLOSED');
    expect(story.try(decideClaim, { ...cancel('one'), attemptId: 'claim of nobody' })).toBe('CHALLENGE_CLOSED');
    expect(story.try(decideClaim, claim('one', 'two'))).toBe('challenge.claimed');
    expect(story.try(decideClaim, { ...claim('one', 'two'), attemptId: 'again' })).toBe('CHALLENGE_CLOSED');
  });

  test.each([
    ['with another password or place', prompt('two', 'other'), 0],
    ['at another application', prompt('two', 'same', { applicationId: OTHER_APPLICATION }), 0],
    ['a minute later', prompt('two', 'same'), 60_001],
  ] as const)('%s is another login', (_, command, afterMs) => {
    const story = new Story();
    story.do(decideStart, prompt('one', 'same'));
    story.later(afterMs);
    expect(story.try(decideStart, command)).toBe('challenge.started');
  });

  test('does not find one that was given up, or that nobody may answer', () => {
    const story = new Story();
    story.do(decideStart, prompt('one', 'same'));
    story.do(decideCancel, cancel('one'));
    expect(story.try(decideStart, prompt('two', 'same'))).toBe('challenge.started');
    story.append({ type: 'user.blocked', reason: 'phone stolen', by: 'helpdesk' });
    expect(story.do(decideStart, prompt('three', 'same'))).toMatchObject({ type: 'challenge.started' });
  });

  test('RAD-52: without a number it is named for what it is, when it is asked and when it lets in', () => {
    const story = new Story();
    expect(story.do(decideStart, prompt('one', 'same', { digits: 0 }))).toMatchObject({
      assurance: 'oob-nonconformant',
    });
    approve(story, 'one');
    const assurance = 'oob-nonconformant' as const;
    expect(story.do(decideClaim, { ...claim('one', 'one'), assurance, run: 'run' })).toMatchObject({
      assurance,
      run: 'run',
    });
  });
});
