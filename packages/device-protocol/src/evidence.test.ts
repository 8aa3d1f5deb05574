import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { signDecision } from './decision.ts';
import { verifyEvidence, type Evidence } from './evidence.ts';
import { displayHash, type Displayed } from './prompt.ts';
import { signStatement } from './statement.ts';
import { party, type Party } from './testing/party.ts';

const AT = 1_800_000_000_000;
const challengeId = 'challenge-0123456789';
const deviceId = 'device-0123456789';
const serverNonce = 'nonce-0123456789abcdef';
const displayed: Displayed = {
  user: 'alice@example.com',
  application: 'VPN',
  source: '203.0.113.7',
  message: 'Pay 10',
  createdAt: AT,
  expiresAt: AT + 60_000,
  digits: 3,
};

let device: Party;
let stranger: Party;
let evidence: Evidence;
beforeAll(async () => {
  [device, stranger] = await Promise.all([party(), party()]);
  const statement = await signDecision(
    { prompt: { challengeId, serverNonce, displayed }, deviceId, at: AT },
    { decision: 'approve', number: '042' },
    device.signer,
  );
  evidence = { statement, key: device.publicKey, displayed, serverNonce, deviceId };
});

test('DEV-31: is checked from the record alone', async () => {
  const read: unknown = JSON.parse(JSON.stringify(evidence));

  expect(await verifyEvidence(read, { challengeId })).toEqual({
    outcome: 'verified',
    decision: {
      v: 1,
      challengeId,
      deviceId,
      decision: 'approve',
      number: '042',
      displayHash: await displayHash(displayed),
      serverNonce,
      at: AT,
    },
    displayed,
    keyThumbprint: device.thumbprint,
  });
});

describe('is refused', () => {
  test.each<[keyof Displayed, Partial<Displayed>]>([
    ['user', { user: 'bob@example.com' }],
    ['application', { application: 'Payroll' }],
    ['source', { source: '203.0.113.8' }],
    ['message', { message: 'Pay 1000' }],
    ['createdAt', { createdAt: AT + 1 }],
    ['expiresAt', { expiresAt: AT + 60_001 }],
    ['digits', { digits: 2 }],
  ])('DEV-30: with another %s than was shown', async (_, change) => {
    const altered = { ...evidence, displayed: { ...displayed, ...change } };

    expect(await verifyEvidence(altered, { challengeId })).toEqual({ outcome: 'refused', reason: 'display_mismatch' });
  });

  test.each<[string, () => object, string]>([
    ['another key', () => ({ key: stranger.publicKey }), 'not_signed'],
    ['another device', () => ({ deviceId: 'device-9876543210' }), 'other_prompt'],
    ['another nonce', () => ({ serverNonce: 'nonce-9876543210abcdef' }), 'other_prompt'],
    ['nonsense for a statement', () => ({ statement: 'nonsense' }), 'not_signed'],
    ['a key beside the curve', () => ({ key: { ...device.publicKey, y: device.publicKey.x } }), 'malformed'],
    ['a private key', () => ({ key: { ...device.publicKey, d: device.publicKey.x } }), 'malformed'],
    ['a member more', () => ({ extra: true }), 'malformed'],
    ['a shown member more', () => ({ displayed: { ...displayed, place: 'Riga' } }), 'malformed'],
    ['text that was never shown', () => ({ displayed: { ...displayed, message: 'Pay\n10' } }), 'malformed'],
  ])('with %s', async (_, change, reason) => {
    expect(await verifyEvidence({ ...evidence, ...change() }, { challengeId })).toEqual({ outcome: 'refused', reason });
  });

  test.each<[string, () => Promise<string>, string]>([
    [
      'a stranger signed in the name of the key',
      () => signStatement('mfa-decision+jws', {}, { ...stranger.signer, keyId: device.thumbprint }),
      'not_signed',
    ],
    [
      'something else was signed',
      () => signStatement('mfa-rotation+jws', { v: 1, deviceId }, device.signer),
      'not_signed',
    ],
    ['no decision was signed', () => signStatement('mfa-decision+jws', { v: 1, deviceId }, device.signer), 'invalid'],
  ])('when %s', async (_, statement, reason) => {
    const altered = { ...evidence, statement: await statement() };

    expect(await verifyEvidence(altered, { challengeId })).toEqual({ outcome: 'refused', reason });
  });

  test.each(['statement', 'key', 'displayed', 'serverNonce', 'deviceId'])('without %s', async (name) => {
    const { [name as keyof Evidence]: _, ...rest } = evidence;

    expect(await verifyEvidence(rest, { challengeId })).toEqual({ outcome: 'refused', reason: 'malformed' });
  });

  test('for another challenge than it was made for', async () => {
    expect(await verifyEvidence(evidence, { challengeId: 'challenge-9876543210' })).toEqual({
      outcome: 'refused',
      reason: 'other_prompt',
    });
  });

  test('whatever it is, and never throws', async () => {
    const member = fc.constantFrom(...Object.keys(evidence));
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), member, async (value, name) => {
        expect(await verifyEvidence(value, { challengeId })).toMatchObject({ reason: 'malformed' });
        expect(await verifyEvidence({ ...evidence, [name]: value }, { challengeId })).toMatchObject({
          outcome: 'refused',
        });
      }),
    );
  });
});
