import { challengeIdFor } from '@countersign/contracts';
import { expect, test } from 'vitest';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { decideCancel, decideStart } from './decide.ts';
import { get, type GetDependencies } from './get.ts';
import { APPLICATION, cancel, start, Story } from './testing/commands.ts';

const USER = '5b0d4c1e-8a55-4f7d-9f62-6f1f8b9c2d3e';
const CHALLENGE = challengeIdFor(USER, Buffer.from(start('one').key, 'base64url'));

/** A copy that shows the challenge open, and a leader to whom it has ended; nobody is told of it. */
function behind() {
  const story = new Story();
  story.do(decideStart, start('one'));
  const open = story.state;
  story.do(decideCancel, cancel('one'));
  const ended = story.state;
  let now = story.now;
  const looks: (number | undefined)[] = [];
  const peek: GetDependencies['ledger']['peek'] = async (_, suffices, until) => {
    looks.push(until);
    return suffices?.(open) === false ? ended : open;
  };
  const deps: GetDependencies = {
    ledger: { peek } as unknown as GetDependencies['ledger'],
    evidence: { readSignIn: () => Promise.reject(new Error('nobody is named here')) },
    now: () => now,
    wake: {
      publish: () => undefined,
      subscribe: () => ({
        next: async (timeoutMs: number) => {
          now += timeoutMs;
          return false;
        },
        [Symbol.dispose]: () => undefined,
      }),
    },
  };
  const request = {
    application: { applicationId: APPLICATION },
    deadline: now + 25_000,
    stopping: new AbortController().signal,
  } as unknown as AuthorisedRequest;
  return { looks, request, deps };
}

test('whoever has waited to the end is told what the leader says, although no wake-up came', async () => {
  const { deps, request } = behind();
  const view = await get(deps, { challengeId: CHALLENGE, waitSeconds: 20 }, request);
  expect(view.state).toBe('cancelled');
});

test('whoever does not wait is told what any copy shows', async () => {
  const { deps, request, looks } = behind();
  expect((await get(deps, { challengeId: CHALLENGE }, request)).state).toBe('pending');
  expect(looks).toHaveLength(1);
});

test.each([
  ['a wait, and four seconds', 20, 24_000],
  ['a wait as long as its request, less the way of the answer', 30, 24_500],
  ['five seconds without a wait', 0, 5000],
])('a look may take %s', async (_, waitSeconds, ms) => {
  const { deps, request, looks } = behind();
  const began = deps.now();
  await get(deps, { challengeId: CHALLENGE, waitSeconds }, request);
  expect(new Set(looks)).toEqual(new Set([began + ms]));
});
