import { DEFAULT_POLICY } from '@countersign/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { storedState } from '../ledger/state-form.ts';
import { RELEASE } from '../release/release.ts';
import { LANES } from './attempts.ts';
import { decideCancel, decideStart, decideVerify } from './decide.ts';
import { displacedBy, evolve } from './evolve.ts';
import {
  INITIAL_STATE,
  isRemoved,
  MAX_CLOSED,
  MAX_FACTORS,
  MAX_INVITATIONS,
  MAX_KNOWN_BROWSERS,
  MAX_OPEN,
  MAX_REMOVED,
  MAX_TEXT_BYTES_IN_STATE,
  restoredState,
} from './state.ts';
import {
  cancel,
  GENEROUS,
  keyOf,
  smsMatches,
  start,
  START_OF_TEST,
  startSms,
  stepAt,
  Story,
  totpMatch,
  verify,
} from './testing/commands.ts';

const LIMIT_BYTES = 5120;
/** As the bus gives them: an UUID. */
const ATTEMPT = '5b0d4c1e-8a55-4f7d-9f62-6f1f8b9c2d3e';

function uuid(number: number): string {
  return `${number.toString(16).padStart(8, '0')}-8a55-4f7d-9f62-6f1f8b9c2d3e`;
}

function bytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Every list full, every number and text as long as it gets. */
function fullStory(text: string): Story {
  const story = new Story();
  const attempts = { ...DEFAULT_POLICY.attempts, free: 20, anywhere: { burst: 100, refillSeconds: 2_592_000 } };
  const policy = { ...attempts, knownDevice: attempts.anywhere };
  const sms = { applicationId: uuid(1), authenticatorId: uuid(2), digits: 10 };
  for (let index = 0; index < MAX_FACTORS + 3; index += 1) {
    const device = `device${10 + index}`;
    story.do(decideStart, start(`t${index}`, { device, applicationId: uuid(1), attempts: policy }));
    const match = totpMatch(stepAt(story.now), { driftSteps: -10 }, uuid(100 + index));
    const command = { applicationId: uuid(1), attemptId: ATTEMPT, attempts: policy };
    story.do(decideVerify, verify(`t${index}`, [match], command));
  }
  const known = story.state.knownDevices[0] ?? '';
  for (const device of [known, undefined]) {
    const from = { ...(device !== undefined && { device }), attempts: policy, applicationId: uuid(1) };
    story.do(decideStart, start(`wrong ${device}`, from));
    story.do(decideStart, startSms(`wrong sms ${device}`, { ...sms, ...from }));
    for (let count = 0; count < 15; count += 1) {
      story.do(decideVerify, verify(`wrong ${device}`, [], { attempts: policy, applicationId: uuid(1) }));
      story.do(
        decideVerify,
        verify(`wrong sms ${device}`, [], { attempts: policy, ...sms, code: '1'.repeat(6), otherDigits: [6] }),
      );
    }
  }
  for (let index = 0; index < MAX_REMOVED + 3; index += 1) {
    story.append({ type: 'authenticator.removed', authenticatorId: uuid(300 + index), by: text });
  }
  story.append({ type: 'user.disabled', by: text });
  story.append({ type: 'user.enabled', by: text });
  for (let index = 0; index < 1000; index += 1) {
    // What a prompt over RADIUS has besides.
    const same = { join: 'j'.repeat(16), asker: 'a'.repeat(11) };
    story.do(decideStart, startSms(`open ${index}`, { ...sms, device: known, attempts: policy, pin: true, ...same }));
  }
  for (let index = 0; index < MAX_CLOSED; index += 1) {
    story.append({ type: 'bypass.granted', expiresAt: story.now + 1000, reason: text, by: text });
    const key = keyOf(`bypass ${index}`);
    story.do(decideStart, start('', { key, applicationId: uuid(1), attemptId: ATTEMPT }));
  }
  for (let index = 0; index < MAX_INVITATIONS + 3; index += 1) {
    story.append({
      type: 'invitation.accepted',
      key: keyOf(`invited ${index}`),
      applicationId: uuid(1),
      method: 'passkey',
      authenticatorId: uuid(100 + index),
      attemptId: ATTEMPT,
      issuedAt: story.now + index,
      step: 2 ** 32 - 1,
      device: `device${10 + index}`,
      userVerified: true,
    });
  }
  const worst = { inARow: 9999, waitUntil: story.now + 86_400_000, fullUntil: story.now + 100 * 2_592_000_000 };
  for (const lane of LANES) {
    story.append({ type: 'password.tried', applicationId: uuid(1), run: 'run', lane, attempts: worst });
    const common = { key: keyOf('none'), applicationId: uuid(1), method: 'recovery', reason: 'wrong' } as const;
    story.append({ type: 'code.rejected', ...common, lane, attempts: worst });
    story.append({ type: 'code.rejected', ...common, method: 'app', lane, attempts: worst });
  }
  // Those that decide nothing more: open challenges are put back below, as long as they were, with their codes.
  const { open, closed } = story.state;
  story.append({ type: 'fraud.reported', applicationId: uuid(1), loginId: text });
  story.append({ type: 'user.blocked', reason: text, by: text });
  story.append({ type: 'user.disabled', by: text });
  story.append({ type: 'bypass.granted', expiresAt: story.now + 1000, reason: text, by: text });
  const codeMac = open.find((challenge) => challenge.codeMac !== undefined)?.codeMac ?? '';
  story.append({ type: 'enrolment.granted', codeMac, expiresAt: story.now + 1000, reason: text, by: text });
  story.append({ type: 'enrolment.rejected', applicationId: uuid(1), reason: 'wrong', attempts: worst });
  story.state = {
    ...story.state,
    quietUntil: story.now + 86_400_000,
    open: open.map((challenge) => ({ ...challenge, purpose: 'login', sends: 11, source: 'x'.repeat(64) })),
    closed: closed.map((challenge) => ({ ...challenge, approvedAt: story.now, claimed: true })),
  };
  return story;
}

describe('the record stays under 5 KiB', () => {
  test.each([
    ['astral', '𝕬'.repeat(250)],
    ['emoji', '🦊'.repeat(500)],
    ['Cyrillic', 'Ж'.repeat(500)],
    ['control characters', '\u0001'.repeat(500)],
    ['lone surrogates', '\uD800'.repeat(500)],
    ['quotes', '"'.repeat(500)],
    ['plain', 'x'.repeat(500)],
  ])('with every list full after a thousand challenges, and reasons of 500 characters (%s)', (_, text) => {
    const { state } = fullStory(text);
    expect(state.open).toHaveLength(MAX_OPEN);
    expect(state.open.every(({ codeMac }) => codeMac !== undefined)).toBe(true);
    expect(state.closed).toHaveLength(MAX_CLOSED);
    expect(Object.keys(state.factors)).toHaveLength(MAX_FACTORS);
    expect(state.removed).toHaveLength(MAX_REMOVED);
    expect(state.knownDevices).toHaveLength(MAX_KNOWN_BROWSERS);
    expect(Object.values(state.attempts).flatMap((lanes) => Object.keys(lanes))).toHaveLength(11);
    expect(bytes(storedState(state, { number: RELEASE }))).toBeLessThan(LIMIT_BYTES);
    expect(bytes(storedState(state, { number: RELEASE }))).toBeGreaterThan(LIMIT_BYTES * 0.85);
  });

  test('whatever the texts are, as much is kept as fits and no broken character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (reason) => {
        const { blocked } = evolve(INITIAL_STATE, { type: 'user.blocked', reason, by: reason, at: 0 });
        expect(bytes(blocked?.reason) - 2).toBeLessThanOrEqual(MAX_TEXT_BYTES_IN_STATE);
        expect(reason.startsWith(blocked?.reason ?? 'x')).toBe(true);
        if (bytes(reason) - 2 <= MAX_TEXT_BYTES_IN_STATE) expect(blocked?.reason).toBe(reason);
      }),
    );
  });
});

describe('what full lists give up', () => {
  test('an approval is forgotten last, so that a start delivered twice does not open it again (INV-5)', () => {
    const story = new Story();
    story.do(decideStart, startSms('mine'));
    story.do(decideVerify, verify('mine', [], { matches: smsMatches('mine', 1) }));
    for (let count = 0; count < 50; count += 1) story.do(decideStart, start(`attack ${count}`));
    expect(story.try(decideStart, startSms('mine'))).toBe('CHALLENGE_CLOSED');
  });

  test('what just ended is there to be asked for, even among approvals only', () => {
    const story = new Story();
    for (let index = 0; index < MAX_CLOSED; index += 1) {
      story.do(decideStart, startSms(`number ${index}`));
      story.do(decideVerify, verify(`number ${index}`, [], { matches: smsMatches(`number ${index}`, 1) }));
    }
    story.do(decideStart, start('last'));
    story.do(decideCancel, cancel('last'));
    expect(story.state.closed.at(-1)).toMatchObject({ key: keyOf('last'), state: 'cancelled' });
    expect(story.state.closed).toHaveLength(MAX_CLOSED);
  });

  test('a challenge that is over makes room before one that is not', () => {
    const story = new Story();
    story.do(decideStart, start('short', { lifeMs: 1000, device: 'home' }));
    for (let index = 1; index < MAX_OPEN; index += 1) story.do(decideStart, start(`long ${index}`));
    story.later(1000).do(decideStart, start('new'));
    expect(story.state.open.map(({ key }) => key)).not.toContain(keyOf('short'));
    expect(story.state.closed).toMatchObject([{ key: keyOf('short'), state: 'expired' }]);
  });

  test('R22: what waits on a phone stays, however many starts of other methods follow, until a newer prompt takes its place', () => {
    const prompt = (name: string) => start(name, { method: 'app', lifeMs: 90_000, attempts: GENEROUS });
    const story = new Story();
    story.do(decideStart, prompt('waits'));
    for (let count = 0; count < 50; count += 1) story.do(decideStart, start(`other ${count}`));
    expect(story.state.open.map(({ key }) => key)).toContain(keyOf('waits'));
    const before = story.state;
    story.do(decideStart, prompt('newer'));
    expect(displacedBy(before, story.state).map(({ key }) => key)).toEqual([keyOf('waits')]);
  });

  test('R21: what a full list gives up is the same of whoever is blocked', () => {
    const given = [INITIAL_STATE, evolve(INITIAL_STATE, { type: 'user.blocked', reason: '', by: '', at: 0 })].map(
      (state) => {
        const story = new Story();
        story.state = state;
        story.do(decideStart, start('prompt', { method: 'app', attempts: GENEROUS }));
        for (let count = 0; count < 6; count += 1) story.do(decideStart, start(`other ${count}`));
        return story.state.closed.map(({ key }) => key);
      },
    );
    expect(given[0]).toEqual(given[1]);
  });

  test('INV-8: all authenticators that a user may have can be taken away at once', () => {
    const story = new Story();
    const ids = Array.from({ length: 10 }, (_, index) => uuid(index));
    for (const authenticatorId of ids) story.append({ type: 'authenticator.removed', authenticatorId, by: 'desk' });
    expect(ids.every((id) => isRemoved(story.state, id))).toBe(true);
    story.do(decideStart, start('one'));
    const first = totpMatch(stepAt(story.now), {}, ids[0]);
    expect(story.do(decideVerify, verify('one', [first]))).toMatchObject({ reason: 'removed' });
  });
});

describe('what counts after a loss (HA-20)', () => {
  test('challenges and bypasses from before are over; what was spent, blocked and removed stays so', () => {
    const { state } = fullStory('x');
    const { bypass: _, enrolment: __, ...kept } = state;
    expect(restoredState(state)).toEqual({ ...kept, open: [], closed: [] });
    expect(state.bypass?.expiresAt).toBeGreaterThan(START_OF_TEST);
  });
});
