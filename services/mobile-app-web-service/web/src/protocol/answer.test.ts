import {
  canonicalHash,
  generateKeyPair,
  importPublicKey,
  signKeySet,
  signOutcome,
  verifyDecision,
  type Outcome,
} from '@countersign/device-protocol';
import { describe, expect, test } from 'vitest';
import { answerPrompt } from './answer.ts';
import { DEVICE, NOW, pair, PROMPT, promptsFor, signerOf, type Seen } from './server.fixture.ts';

const given = { prompt: PROMPT, answer: { decision: 'approve', number: '042' }, clockOffsetMs: 0 } as const;

/** A phone whose server says how the login stands, with whatever is changed of that. */
async function answering(change: (seen: Seen) => Partial<Outcome> = () => ({}), failures = 0) {
  let made: Awaited<ReturnType<typeof pair>> | undefined;
  let round = 0;
  made = await pair(async (seen) => {
    round += 1;
    if (round <= failures) throw new TypeError('lost');
    const outcome: Outcome = {
      v: 1,
      challengeId: PROMPT.challengeId,
      deviceId: DEVICE,
      answers: seen.signature.nonce,
      state: 'approved',
      counted: true,
      at: NOW,
      ...change(seen),
    };
    return Response.json({ outcome: await signOutcome(outcome, signerOf(made!.serverKey)) });
  });
  return made;
}

test('the decision is over what was shown, and the outcome is the server’s', async () => {
  const { outside, device, seen } = await answering();
  expect(await answerPrompt(outside, { ...given, device })).toMatchObject({
    outcome: { state: 'approved', counted: true },
    keySet: device.keySet,
  });
  const key = { publicKey: (await importPublicKey(device.key.publicKey))!, keyId: device.key.thumbprint };
  const asked = { prompt: PROMPT, deviceId: DEVICE };
  expect(await verifyDecision(String(seen[0]?.body['decision']), key, asked)).toMatchObject({
    outcome: 'verified',
    decision: { decision: 'approve', number: '042', at: NOW },
  });
});

describe('DEV-35: where the phone has a passkey', () => {
  const passkey = { credentialId: 'AAAA', clientDataJSON: 'e30', authenticatorData: 'AAAA', signature: 'AAAA' };

  test('it signs an approval as well, once, also when that is sent again', async () => {
    const { outside, device, seen } = await answering(undefined, 1);
    const challenges: string[] = [];
    const confirm = async (challenge: string) => {
      challenges.push(challenge);
      return passkey;
    };
    await answerPrompt(outside, { ...given, device, confirm }, (work) => work().catch(work));
    const [, payload = ''] = String(seen[0]?.body['decision']).split('.');
    const decision = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, string>;
    expect(challenges).toEqual([await canonicalHash(decision)]);
    expect(seen.map(({ body }) => body['passkey'])).toEqual([passkey, passkey]);
  });

  test('nothing is sent that was not confirmed, and a denial needs nothing', async () => {
    const { outside, device, seen } = await answering(() => ({ state: 'denied' }));
    const confirm = () => Promise.reject(new Error('no'));
    await expect(answerPrompt(outside, { ...given, device, confirm })).rejects.toThrow('no');
    expect(seen).toEqual([]);
    await answerPrompt(outside, { ...given, device, confirm, answer: { decision: 'deny' } });
    expect(seen.map(({ body }) => Object.keys(body))).toEqual([['decision', 'keySet']]);
  });
});

describe('an outcome is not taken', () => {
  test.each<[string, Partial<Outcome>]>([
    ['another request', { answers: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    ['another challenge', { challengeId: 'challenge-9876543210' }],
    ['another phone', { deviceId: 'device-9876543210' }],
  ])('of %s', async (_, change) => {
    const { outside, device } = await answering(() => change);
    await expect(answerPrompt(outside, { ...given, device })).rejects.toMatchObject({ code: 'NOT_SIGNED' });
  });
});

test('asked again it is the same decision in another request', async () => {
  const { outside, device, seen } = await answering(undefined, 1);
  const again = <T>(work: () => Promise<T>) => work().catch(work);
  await answerPrompt(outside, { ...given, device }, again);
  expect(seen).toHaveLength(2);
  expect(seen[0]?.body).toEqual(seen[1]?.body);
  expect(seen[0]?.signature.nonce).not.toBe(seen[1]?.signature.nonce);
});

describe('DEV-25: the key of the server was changed after the phone polled', () => {
  /** A server with a key that the phone has not heard of. */
  async function changed(told: 'with the answer' | 'by the poll' | 'nowhere') {
    const next = await generateKeyPair();
    const keys = [{ ...next.publicKey }];
    let made: Awaited<ReturnType<typeof pair>> | undefined;
    made = await pair(async (seen) => {
      const set = await signKeySet({ v: 1, version: 2, at: NOW, keys }, signerOf(made!.serverKey));
      if (seen.path.endsWith('poll')) {
        const keySets = told === 'by the poll' ? [set] : [];
        return Response.json({
          prompts: await promptsFor(seen, keySets.length > 0 ? next : made!.serverKey, []),
          keySets,
        });
      }
      const said = { v: 1, challengeId: PROMPT.challengeId, deviceId: DEVICE, answers: seen.signature.nonce } as const;
      const outcome = await signOutcome({ ...said, state: 'approved', counted: true, at: NOW }, signerOf(next));
      return Response.json({ outcome, ...(told === 'with the answer' && { keySets: [set] }) });
    });
    return { ...made, keySet: { version: 2, keys } };
  }

  test('the sets that lead to it come with the outcome', async () => {
    const { outside, device, keySet, seen } = await changed('with the answer');
    const answered = await answerPrompt(outside, { ...given, device });
    expect(answered).toMatchObject({ outcome: { state: 'approved' }, keySet });
    expect(seen.map(({ body }) => body['keySet'])).toEqual([1]);
  });

  test('where they do not, they are asked for', async () => {
    const { outside, device, keySet, seen } = await changed('by the poll');
    expect(await answerPrompt(outside, { ...given, device })).toMatchObject({ outcome: { state: 'approved' }, keySet });
    expect(seen.map(({ path }) => path)).toEqual(['/v1/device/answer', '/v1/device/poll']);
  });

  test('by a key to which none leads nothing is taken', async () => {
    const { outside, device } = await changed('nowhere');
    await expect(answerPrompt(outside, { ...given, device })).rejects.toMatchObject({ code: 'NOT_SIGNED' });
  });
});
