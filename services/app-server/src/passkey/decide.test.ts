import { describe, expect, test } from 'vitest';
import { decideStart, decideVerify } from '../challenge/decide.ts';
import type { UserEvent } from '../challenge/events.ts';
import { MAX_CLOCK_SPREAD_MS } from '../challenge/floor.ts';
import { MAX_INVITATIONS, restoredState } from '../challenge/state.ts';
import {
  APPLICATION,
  keyOf,
  OTHER_APPLICATION,
  start,
  START_OF_TEST,
  Story,
  TOKEN,
  verify,
} from '../challenge/testing/commands.ts';
import type { Asserted } from './assertion.ts';
import { decideAccept, decideAssert, MAX_ASSERTIONS, type AcceptCommand, type AssertCommand } from './decide.ts';

const BLOCK: UserEvent = { type: 'user.blocked', reason: 'phone stolen', by: 'helpdesk' };
const DISABLE: UserEvent = { type: 'user.disabled', by: 'directory' };
const REMOVE: UserEvent = { type: 'authenticator.removed', authenticatorId: TOKEN, by: 'helpdesk' };

function asserted(overrides: Partial<Asserted> = {}): Asserted {
  return {
    passkeyId: TOKEN,
    signCount: 0,
    knownSignCount: 0,
    backupEligible: false,
    userVerified: true,
    ...overrides,
  };
}

function answer(name: string, overrides: Partial<Asserted> = {}, command: Partial<AssertCommand> = {}): AssertCommand {
  return {
    key: keyOf(name),
    applicationId: APPLICATION,
    purpose: 'login',
    attemptId: `assert ${name}`,
    answer: { asserted: asserted(overrides) },
    ...command,
  };
}

function accept(name: string, overrides: Partial<AcceptCommand> = {}): AcceptCommand {
  return {
    key: keyOf(name),
    issuedAt: START_OF_TEST,
    applicationId: APPLICATION,
    attemptId: `accept ${name}`,
    asserted: asserted(),
    floor: { at: 0 },
    ...overrides,
  };
}

function started(...names: string[]): Story {
  const story = new Story();
  for (const name of names) story.do(decideStart, start(name, { method: 'passkey', digits: 0 }));
  return story;
}

describe('a challenge answered with a passkey', () => {
  test('WEB-02: a right answer ends it, and the same one again finds it ended', () => {
    const story = started('one');
    expect(story.do(decideAssert, answer('one'))).toMatchObject({
      type: 'challenge.approved',
      method: 'passkey',
      authenticatorId: TOKEN,
      userVerified: true,
    });
    expect(story.try(decideAssert, answer('one', {}, { attemptId: 'again' }))).toBe('CHALLENGE_CLOSED');
  });

  test('R14: it is of one application and one purpose', () => {
    const story = started('one');
    expect(story.try(decideAssert, answer('one', {}, { applicationId: OTHER_APPLICATION }))).toBe(
      'CHALLENGE_NOT_FOUND',
    );
    expect(story.try(decideAssert, answer('one', {}, { purpose: 'enrol' }))).toBe('CHALLENGE_NOT_FOUND');
  });

  test('it takes no code, and one that waits for a code takes no passkey', () => {
    const story = started('one');
    story.do(decideStart, start('code'));
    expect(story.try(decideVerify, verify('one', [], { otherDigits: [6] }))).toBe('REQUEST_INVALID');
    expect(story.try(decideAssert, answer('code'))).toBe('REQUEST_INVALID');
  });

  test('WEB-02: its time ends', () => {
    const story = started('one').later(300_000);
    expect(story.try(decideAssert, answer('one'))).toBe('CHALLENGE_CLOSED');
  });

  test.each<[string, UserEvent, string]>([
    ['blocked', BLOCK, 'blocked'],
    ['disabled', DISABLE, 'disabled'],
    ['whose passkey was removed', REMOVE, 'removed'],
  ])('R17: a user %s meanwhile is refused as for any wrong answer', (_name, event, reason) => {
    const story = started('one');
    story.append(event);
    expect(story.do(decideAssert, answer('one'))).toMatchObject({ type: 'assertion.rejected', reason });
  });

  test('R17: disabled in Postgres alone is enough', () => {
    expect(started('one').do(decideAssert, answer('one', {}, { disabled: true }))).toMatchObject({
      type: 'assertion.rejected',
      reason: 'disabled',
    });
  });

  test('R10: wrong answers spend no budget, leave a row each, and come to an end', () => {
    const story = started('one');
    const wrong = answer('one', {}, { answer: { refused: 'invalid' } });
    for (let tries = 0; tries < MAX_ASSERTIONS; tries += 1) {
      expect(story.do(decideAssert, wrong)).toMatchObject({ type: 'assertion.rejected', reason: 'invalid' });
    }
    expect(story.state.attempts).toEqual({});
    const events = story.events.length;
    expect(story.try(decideAssert, wrong)).toBe('CHALLENGE_CLOSED');
    expect(story.try(decideAssert, answer('one'))).toBe('CHALLENGE_CLOSED');
    expect(story.events).toHaveLength(events);
    // The owner starts another and is let in at once.
    story.do(decideStart, start('two', { method: 'passkey', digits: 0 }));
    expect(story.try(decideAssert, answer('two'))).toBe('challenge.approved');
  });
});

describe('WEB-06: the counter', () => {
  test('rises with each answer, and is kept', () => {
    const story = started('one', 'two');
    story.do(decideAssert, answer('one', { signCount: 5, knownSignCount: 4 }));
    expect(story.state.factors[TOKEN]).toMatchObject({ lastStep: 5 });
    expect(story.try(decideAssert, answer('two', { signCount: 6, knownSignCount: 4 }))).toBe('challenge.approved');
  });

  test.each([
    ['the same again', 5],
    ['lower', 4],
    ['none any more', 0],
  ])('of a key that cannot be copied is refused when it is %s', (_name, signCount) => {
    const story = started('one', 'two');
    story.do(decideAssert, answer('one', { signCount: 5 }));
    const overtaken = answer('two', { signCount });
    expect(story.do(decideAssert, overtaken)).toMatchObject({ type: 'assertion.rejected', reason: 'counter' });
    expect(story.state.factors[TOKEN]).toMatchObject({ lastStep: 5 });
  });

  test('as Postgres knows it counts as well, where the ledger knows none', () => {
    const story = started('one');
    expect(story.do(decideAssert, answer('one', { signCount: 4, knownSignCount: 4 }))).toMatchObject({
      reason: 'counter',
    });
  });

  test('overtaken by another answer locks nobody out: the next is let in, on the same challenge', () => {
    const story = started('slow', 'fast');
    expect(story.try(decideAssert, answer('fast', { signCount: 7 }))).toBe('challenge.approved');
    expect(story.try(decideAssert, answer('slow', { signCount: 6 }))).toBe('assertion.rejected');
    expect(story.try(decideAssert, answer('slow', { signCount: 8 }))).toBe('challenge.approved');
  });

  test('of a copied passkey that goes back is noted, and the highest is kept', () => {
    const story = started('one', 'two');
    expect(story.do(decideAssert, answer('one', { signCount: 7, backupEligible: true }))).not.toHaveProperty(
      'counterWentBack',
    );
    expect(story.do(decideAssert, answer('two', { signCount: 3, backupEligible: true }))).toMatchObject({
      type: 'challenge.approved',
      counterWentBack: true,
    });
    expect(story.state.factors[TOKEN]).toMatchObject({ lastStep: 7 });
  });

  test('of a key that does not count says nothing, and takes no place in the record', () => {
    const story = started('one', 'two');
    story.do(decideAssert, answer('one'));
    expect(story.try(decideAssert, answer('two'))).toBe('challenge.approved');
    expect(story.state.factors).toEqual({});
  });
});

describe('signing in by passkey alone', () => {
  test('WEB-02: an invitation is good once', () => {
    const story = new Story();
    expect(story.do(decideAccept, accept('one'))).toMatchObject({
      type: 'invitation.accepted',
      authenticatorId: TOKEN,
    });
    expect(story.try(decideAccept, accept('one', { attemptId: 'again' }))).toBe('CHALLENGE_CLOSED');
  });

  test('WEB-02: and stays so however many came after it, in whatever order they were made', () => {
    const story = new Story();
    const names = Array.from({ length: MAX_INVITATIONS * 3 }, (_, index) => ({
      name: `${index} invited`,
      issuedAt: START_OF_TEST + ((index * 7) % 5) * 1000 + index * 10_000,
    }));
    for (const { name, issuedAt } of names) story.try(decideAccept, accept(name, { issuedAt }));
    expect(story.state.invitations).toHaveLength(MAX_INVITATIONS);
    for (const { name, issuedAt } of names) {
      expect(story.try(decideAccept, accept(name, { issuedAt, attemptId: 'again' }))).toBe('CHALLENGE_CLOSED');
    }
    expect(story.try(decideAccept, accept('new', { issuedAt: START_OF_TEST + 3_600_000 }))).toBe('invitation.accepted');
  });

  test('WEB-02: what a loss restores still knows which were used', () => {
    const story = new Story();
    story.do(decideAccept, accept('one'));
    story.state = restoredState(story.state);
    expect(story.try(decideAccept, accept('one', { attemptId: 'again' }))).toBe('CHALLENGE_CLOSED');
  });

  test('HA-20: one from before a loss may have been used without a trace, and counts no more', () => {
    const story = new Story();
    const floor = { at: START_OF_TEST - MAX_CLOCK_SPREAD_MS };
    expect(story.try(decideAccept, accept('one', { floor }))).toBe('CHALLENGE_CLOSED');
    expect(story.try(decideAccept, accept('one', { floor, issuedAt: START_OF_TEST + 1 }))).toBe('invitation.accepted');
  });

  test.each<[string, UserEvent]>([
    ['blocked', BLOCK],
    ['disabled', DISABLE],
    ['whose passkey was removed', REMOVE],
  ])('R17: a user %s is refused, and told nothing else', (_name, event) => {
    const story = new Story();
    story.append(event);
    expect(story.try(decideAccept, accept('one'))).toBe('CREDENTIALS_REJECTED');
  });

  test('R17: disabled in Postgres alone is enough; WEB-06: the counter counts as in a challenge', () => {
    const story = new Story();
    expect(story.try(decideAccept, accept('one', { disabled: true }))).toBe('CREDENTIALS_REJECTED');
    story.do(decideAccept, accept('one', { asserted: asserted({ signCount: 5 }) }));
    expect(story.try(decideAccept, accept('two', { asserted: asserted({ signCount: 5 }) }))).toBe(
      'CREDENTIALS_REJECTED',
    );
    expect(story.try(decideAccept, accept('two', { asserted: asserted({ signCount: 6 }) }))).toBe(
      'invitation.accepted',
    );
  });
});
