import { beforeAll, describe, expect, test } from 'vitest';
import { signOutcome, verifyOutcome, type Outcome } from './outcome.ts';
import { signStatement } from './statement.ts';
import { party, withText, type Party } from './testing/party.ts';

let server: Party;
let stranger: Party;
beforeAll(async () => {
  [server, stranger] = await Promise.all([party(), party()]);
});

const outcome: Outcome = {
  v: 1,
  challengeId: 'challenge-0123456789',
  deviceId: 'device-0123456789',
  answers: 'AAECAwQFBgcICQoLDA0ODw',
  state: 'approved',
  counted: true,
  at: 1_800_000_000_000,
};

const signedAnyway = (change: object) => signStatement('mfa-outcome+jws', { ...outcome, ...change }, server.signer);

test.each<[Outcome['state'], boolean]>([
  ['approved', true],
  ['approved', false],
  ['denied', true],
  ['denied', false],
  ['cancelled', false],
  ['expired', false],
])('%s is taken from the server, counted: %s', async (state, counted) => {
  const one = { ...outcome, state, counted };

  expect(await verifyOutcome(await signOutcome(one, server.signer), server.checker, outcome)).toEqual(one);
});

describe('is not taken', () => {
  test.each<[keyof Outcome, Partial<Outcome>]>([
    ['challengeId', { challengeId: 'challenge-9876543210' }],
    ['deviceId', { deviceId: 'device-9876543210' }],
    ['answers', { answers: 'BBECAwQFBgcICQoLDA0ODw' }],
    ['state', { state: 'denied' }],
    ['counted', { counted: false }],
    ['at', { at: outcome.at + 1 }],
  ])('with another %s than was signed', async (_, change) => {
    const altered = { ...outcome, ...change };
    const statement = withText(await signOutcome(outcome, server.signer), altered);

    expect(await verifyOutcome(statement, server.checker, altered)).toBeUndefined();
  });

  test.each<[string, Partial<Outcome>]>([
    ['another challenge', { challengeId: 'challenge-9876543210' }],
    ['another device', { deviceId: 'device-9876543210' }],
    ['another request', { answers: 'BBECAwQFBgcICQoLDA0ODw' }],
  ])('as the answer to %s', async (_, change) => {
    const statement = await signOutcome(outcome, server.signer);

    expect(await verifyOutcome(statement, server.checker, { ...outcome, ...change })).toBeUndefined();
  });

  test.each<[string, () => Promise<string>]>([
    ['a stranger signed it', () => signOutcome(outcome, stranger.signer)],
    [
      'a stranger signed it in the name of the server',
      () => signOutcome(outcome, { ...stranger.signer, keyId: server.thumbprint }),
    ],
    ['it is of another type', () => signStatement('mfa-decision+jws', outcome, server.signer)],
    ['it is of another version', () => signedAnyway({ v: 2 })],
    ['it holds a member more', () => signedAnyway({ extra: true })],
    ['its state is none', () => signedAnyway({ state: 'pending' })],
    ['the answer is said to have cancelled', () => signedAnyway({ state: 'cancelled' })],
    ['the answer is said to have let it expire', () => signedAnyway({ state: 'expired' })],
    ['it is nonsense', () => Promise.resolve('nonsense')],
  ])('when %s', async (_, statement) => {
    expect(await verifyOutcome(await statement(), server.checker, outcome)).toBeUndefined();
  });

  test.each(['v', 'challengeId', 'deviceId', 'answers', 'state', 'counted', 'at'])('without %s', async (name) => {
    const { [name as keyof Outcome]: _, ...rest } = outcome;
    const statement = await signStatement('mfa-outcome+jws', rest, server.signer);

    expect(await verifyOutcome(statement, server.checker, outcome)).toBeUndefined();
  });
});

test('what no phone would accept is not signed', async () => {
  await expect(signOutcome({ ...outcome, state: 'expired' }, server.signer)).rejects.toThrow(TypeError);
});
