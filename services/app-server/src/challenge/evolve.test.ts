import { METHODS } from '@countersign/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { UserState } from './state.ts';
import { evolve } from './evolve.ts';
import { INITIAL_STATE, MAX_OPEN } from './state.ts';
import { ATTEMPTS, histories, Recorder, type Answered } from './testing/histories.ts';

function approvals(answered: Answered[]) {
  return answered.flatMap((one) => (one.event.type === 'challenge.approved' ? [{ ...one, event: one.event }] : []));
}

function check(body: (recorder: Recorder) => void): void {
  fc.assert(
    fc.property(histories, (steps) => {
      const recorder = new Recorder();
      for (const { pauseMs, action } of steps) recorder.run(pauseMs, action);
      body(recorder);
    }),
    { numRuns: 300 },
  );
}

describe('any history of one user', () => {
  test('replaying the events gives the state, also after it went through JSON', () => {
    check(({ story }) => {
      const replayed = story.events.reduce<UserState>((state, event) => evolve(state, event), INITIAL_STATE);
      expect(replayed).toEqual(story.state);
      const overTheWire = story.events.reduce<UserState>(
        (state, event) => JSON.parse(JSON.stringify(evolve(state, JSON.parse(JSON.stringify(event))))),
        INITIAL_STATE,
      );
      expect(overTheWire).toEqual(story.state);
    });
  });

  test('INV-1: no step of a token and no code of a message is accepted twice', () => {
    check(({ answered }) => {
      const used = approvals(answered).map(({ event, smsCode }) =>
        event.method === 'totp' ? `${event.authenticatorId} ${event.step}` : smsCode,
      );
      expect(new Set(used).size).toBe(used.length);
    });
  });

  test('INV-2: the last step of a token never goes back', () => {
    check(({ story }) => {
      let state = INITIAL_STATE;
      for (const event of story.events) {
        const next = evolve(state, event);
        const lower = Object.entries(state.factors).filter(
          ([id, { lastStep }]) => (next.factors[id]?.lastStep ?? Infinity) < lastStep,
        );
        expect(lower).toEqual([]);
        state = next;
      }
    });
  });

  test('INV-3: an approval is of the challenge, application and purpose it was asked for, and changes no other challenge', () => {
    check(({ answered }) => {
      for (const { event, before, smsCode } of approvals(answered)) {
        const challenge = before.open.find(({ key }) => key === event.key);
        expect(challenge).toMatchObject({
          applicationId: event.applicationId,
          purpose: event.purpose,
          method: event.method,
        });
        if (event.method === 'sms') expect(challenge?.codeMac).toBe(smsCode);
        const others = before.open.filter(({ key }) => key !== event.key);
        expect(evolve(before, event).open).toEqual(others);
      }
    });
  });

  test('INV-4: every look at a code is an event, and no more are made between two right ones than the budget has', () => {
    check(({ answered, looks, story }) => {
      const looked = answered.filter(
        ({ event }) => event.type === 'challenge.approved' || event.type === 'code.rejected',
      );
      expect(looks).toBe(looked.length);
      for (const method of METHODS) {
        const rejected = answered.flatMap(({ event }) =>
          event.type === 'code.rejected' && event.method === method ? [event] : [],
        );
        for (const lane of ['anywhere', 'knownDevice'] as const) {
          const times = rejected.filter((event) => event.lane === lane).map(({ at }) => at);
          const { burst, refillSeconds } = ATTEMPTS[lane];
          const refilled = (story.now - (times[0] ?? 0)) / (refillSeconds * 1000);
          expect(times.length).toBeLessThanOrEqual(burst + refilled);
        }
      }
    });
  });

  /** The list of those that ended is bounded; a start delivered again after its end is forgotten is found by its attempt (ledger.test.ts). */
  test('INV-5: a challenge that ended is over as long as its end is remembered, and an approval outlives other ends', () => {
    check(({ story }) => {
      let state = INITIAL_STATE;
      for (const event of story.events) {
        const ends =
          event.type === 'challenge.approved' || event.type === 'challenge.cancelled' || event.type === 'bypass.used';
        if (ends) {
          expect(state.closed.map(({ key }) => key)).not.toContain(event.key);
        }
        const approved = state.closed.filter((end) => end.state === 'approved');
        state = evolve(state, event);
        const forgotten = approved.filter(({ key }) => state.closed.every((end) => end.key !== key));
        const others = state.closed.slice(0, -1).filter((end) => end.state !== 'approved');
        if (forgotten.length > 0) expect(others).toEqual([]);
        const known = new Set(state.closed.map(({ key }) => key));
        expect(known.size).toBe(state.closed.length);
        for (const { key } of state.open) expect(known).not.toContain(key);
      }
    });
  });

  test('INV-6: nothing is approved after its time, after a cancel, or while the user is blocked or disabled (R17)', () => {
    check(({ answered }) => {
      for (const { event, before } of approvals(answered)) {
        const challenge = before.open.find(({ key }) => key === event.key);
        expect(event.at).toBeLessThan(challenge?.expiresAt ?? 0);
        expect(challenge?.void).toBeUndefined();
        expect(before.blocked).toBeUndefined();
        expect(before.disabled).toBeUndefined();
      }
      for (const { event, before } of answered) {
        if (event.type !== 'bypass.used') continue;
        expect(event.at).toBeLessThan(before.bypass?.expiresAt ?? 0);
        expect(before.blocked ?? before.disabled).toBeUndefined();
      }
    });
  });

  test('INV-7, INV-22: one challenge lets in once, and so does one bypass', () => {
    check(({ answered }) => {
      const letIn = approvals(answered).map(({ event }) => event.key);
      expect(new Set(letIn).size).toBe(letIn.length);
      let granted = 0;
      for (const { event } of answered) {
        if (event.type === 'bypass.granted') granted = 1;
        if (event.type !== 'bypass.used') continue;
        expect(granted).toBe(1);
        granted = 0;
      }
    });
  });

  test('INV-9: whatever is approved is an event that names the attempt, so that nothing is told without audit', () => {
    check(({ answered }) => {
      for (const { event } of approvals(answered)) expect(event.attemptId).toMatch(/^attempt \d+$/);
    });
  });

  test('INV-11: a refusal changes nothing and says why', () => {
    check(({ refusals }) => {
      const documented = ['CHALLENGE_CLOSED', 'CHALLENGE_NOT_FOUND', 'TRY_LATER', 'REQUEST_INVALID'];
      expect(documented).toEqual(expect.arrayContaining([...new Set(refusals)]));
    });
  });

  test('the record stays under 4 KiB, and no list grows beyond its bound', () => {
    check(({ story }) => {
      expect(Buffer.byteLength(JSON.stringify(story.state))).toBeLessThan(4096);
      expect(story.state.open.length).toBeLessThanOrEqual(MAX_OPEN);
    });
  });

  test('these histories are worth something: all kinds of answers occur in them', () => {
    const seen = new Set<string>();
    check(({ answered, refusals }) => {
      for (const { event } of answered)
        seen.add(event.type === 'code.rejected' ? `rejected ${event.reason}` : event.type);
      for (const code of refusals) seen.add(code);
    });
    const expected = [
      'challenge.started',
      'challenge.approved',
      'challenge.cancelled',
      'code.resent',
      'bypass.used',
      'rejected wrong',
      'rejected replayed',
      'rejected blocked',
      'rejected void',
      'TRY_LATER',
      'CHALLENGE_CLOSED',
      'CHALLENGE_NOT_FOUND',
    ];
    expect([...seen]).toEqual(expect.arrayContaining(expected));
  });
});
