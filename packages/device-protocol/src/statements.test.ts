import { base64url, CompactSign } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { activationCodeHash, signActivationProof, verifyActivationProof } from './activation-proof.ts';
import { signDecision, verifyDecision } from './decision.ts';
import { ES256 } from './device-key.ts';
import { acceptKeySet, signKeySet } from './key-set.ts';
import { signPrompts, verifyPrompts, type Displayed, type Prompt, type Prompts } from './prompt.ts';
import { signStatement, verifyStatement } from './statement.ts';
import { party, type Party } from './testing/party.ts';

let device: Party;
let server: Party;
let stranger: Party;
beforeAll(async () => {
  [device, server, stranger] = await Promise.all([party(), party(), party()]);
});

const AT = 1_800_000_000_000;
const DEVICE = 'device-0123456789';
const prompt: Prompt = {
  challengeId: 'challenge-0123456789',
  serverNonce: 'nonce-0123456789abcdef',
  displayed: {
    user: 'alice@example.com',
    application: 'VPN',
    source: '203.0.113.7',
    createdAt: AT,
    expiresAt: AT + 60_000,
    digits: 3,
  },
};

describe('a statement', () => {
  test('DEV-11: the private key cannot be read out', async () => {
    await expect(crypto.subtle.exportKey('jwk', device.privateKey)).rejects.toThrow('not extractable');
  });

  test('is of one type, one key and one text', async () => {
    const statement = await signStatement('mfa-decision+jws', { a: 1 }, device.signer);
    const [header, , signature] = statement.split('.');
    const altered = [header, base64url.encode('{"a":2}'), signature].join('.');

    expect(await verifyStatement('mfa-decision+jws', statement, device.checker)).toEqual({ a: 1 });
    expect(await verifyStatement('mfa-prompts+jws', statement, device.checker)).toBeUndefined();
    expect(await verifyStatement('mfa-decision+jws', statement, stranger.checker)).toBeUndefined();
    expect(await verifyStatement('mfa-decision+jws', altered, device.checker)).toBeUndefined();
    expect(await verifyStatement('mfa-decision+jws', 'nonsense', device.checker)).toBeUndefined();
  });

  test.each([
    ['text that is not canonical', '{ "a": 1 }', {}],
    ['a name twice', '{"a":1,"a":1}', {}],
    ['a header that the profile does not know', '{"a":1}', { jku: 'https://example.com/keys' }],
    ['the name of another key', '{"a":1}', { kid: 'other' }],
    ['text after a byte order mark', '\uFEFF{"a":1}', {}],
  ])('%s is refused, although the key signed it', async (_, text, header) => {
    const statement = await new CompactSign(new TextEncoder().encode(text))
      .setProtectedHeader({ alg: 'ES256', typ: 'mfa-decision+jws', kid: device.thumbprint, ...header })
      .sign(device.privateKey);

    expect(await verifyStatement('mfa-decision+jws', statement, device.checker)).toBeUndefined();
  });

  test('a type that stands twice in the header is refused, although the key signed it', async () => {
    const header = base64url.encode(
      `{"typ":"mfa-prompts+jws","alg":"ES256","typ":"mfa-decision+jws","kid":"${device.thumbprint}"}`,
    );
    const signed = `${header}.${base64url.encode('{"a":1}')}`;
    const bytes = await crypto.subtle.sign(ES256, device.privateKey, new TextEncoder().encode(signed));
    const statement = `${signed}.${base64url.encode(new Uint8Array(bytes))}`;

    expect(await verifyStatement('mfa-decision+jws', statement, device.checker)).toBeUndefined();
  });

  test.each<[string, (signature: string) => string]>([
    ['padding', (signature) => `${signature}==`],
    ['a space', (signature) => `${signature.slice(0, 9)} ${signature.slice(9)}`],
    ['a letter that is none', (signature) => `${signature.slice(0, -1)}!`],
    ['loose bits at the end', (signature) => `${signature.slice(0, -1)}${after(signature.slice(-1))}`],
  ])('a signature with %s is refused', async (_, change) => {
    const [header, text, signature = ''] = (await signStatement('mfa-decision+jws', { a: 1 }, device.signer)).split(
      '.',
    );
    const statement = [header, text, change(signature)].join('.');

    expect(await verifyStatement('mfa-decision+jws', statement, device.checker)).toBeUndefined();
  });

  test('what is too long for a phone is not signed', async () => {
    const text = 'a'.repeat(192 * 1024);

    await expect(signStatement('mfa-prompts+jws', { text }, server.signer)).rejects.toThrow(RangeError);
  });
});

/** The next letter of base64url: the same bits but for the last ones. */
function after(letter: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet.charAt(alphabet.indexOf(letter) + 1);
}

describe('a decision', () => {
  const asked = { prompt, deviceId: DEVICE };
  const decide = (by = device, on = prompt, deviceId = DEVICE) =>
    signDecision({ prompt: on, deviceId, at: AT }, { decision: 'approve', number: '042' }, by.signer);

  test('counts for the prompt it was made for', async () => {
    expect(await verifyDecision(await decide(), device.checker, asked)).toMatchObject({
      outcome: 'verified',
      decision: { decision: 'approve', number: '042' },
    });
  });

  test.each<[keyof Displayed, Partial<Displayed>]>([
    ['user', { user: 'bob@example.com' }],
    ['application', { application: 'Payroll' }],
    ['source', { source: '203.0.113.8' }],
    ['message', { message: 'Pay 1000' }],
    ['createdAt', { createdAt: AT + 1 }],
    ['expiresAt', { expiresAt: AT + 60_001 }],
    ['digits', { digits: 2 }],
  ])('DEV-30: with another %s shown it is refused', async (_, change) => {
    const shown = { ...prompt, displayed: { ...prompt.displayed, ...change } };

    expect(await verifyDecision(await decide(device, shown), device.checker, asked)).toEqual({
      outcome: 'refused',
      reason: 'display_mismatch',
    });
  });

  test.each<[string, () => Promise<string>]>([
    ['challenge', () => decide(device, { ...prompt, challengeId: 'challenge-9876543210' })],
    ['server nonce', () => decide(device, { ...prompt, serverNonce: 'nonce-9876543210abcdef' })],
    ['device', () => decide(device, prompt, 'device-9876543210')],
  ])('of another %s is refused', async (_, statement) => {
    expect(await verifyDecision(await statement(), device.checker, asked)).toEqual({
      outcome: 'refused',
      reason: 'other_prompt',
    });
  });

  test.each([
    ['a member more', { extra: true }],
    ['another version', { v: 2 }],
    ['an unknown answer', { decision: 'maybe' }],
    ['a number that is none', { number: '12a' }],
  ])('with %s is refused, although the device signed it', async (_, change) => {
    const right = (await verifyStatement('mfa-decision+jws', await decide(), device.checker)) as Record<string, string>;
    const wrong = await signStatement('mfa-decision+jws', { ...right, ...change }, device.signer);

    expect(await verifyDecision(wrong, device.checker, asked)).toEqual({ outcome: 'refused', reason: 'invalid' });
  });

  test('of another device key, or with a number where it denies, is refused', async () => {
    const denial = await signDecision({ ...asked, at: AT }, { decision: 'deny', number: '042' }, device.signer);

    expect(await verifyDecision(await decide(stranger), device.checker, asked)).toMatchObject({ reason: 'not_signed' });
    expect(await verifyDecision(denial, device.checker, asked)).toMatchObject({ reason: 'invalid' });
  });
});

describe('the answer to a poll', () => {
  const prompts: Prompts = { v: 1, deviceId: DEVICE, answers: 'AAECAwQFBgcICQoLDA0ODw', at: AT, prompts: [prompt] };

  test('DEV-25: is taken from the server alone, unaltered, by the device that asked, for the request it answers', async () => {
    const statement = await signPrompts(prompts, server.signer);
    const forged = await signPrompts(prompts, stranger.signer);

    expect(await verifyPrompts(statement, server.checker, prompts)).toEqual(prompts);
    expect(await verifyPrompts(forged, server.checker, prompts)).toBeUndefined();
    expect(
      await verifyPrompts(statement, server.checker, { ...prompts, deviceId: 'device-other-01234' }),
    ).toBeUndefined();
    expect(
      await verifyPrompts(statement, server.checker, { ...prompts, answers: 'BBECAwQFBgcICQoLDA0ODw' }),
    ).toBeUndefined();
  });

  test('the longest list there can be is taken', async () => {
    const long = (length: number) => '😀'.repeat(length);
    const displayed = {
      ...prompt.displayed,
      user: long(1024),
      application: long(256),
      source: long(64),
      message: long(512),
    };
    const longest = { ...prompts, prompts: Array.from({ length: 16 }, () => ({ ...prompt, displayed })) };

    expect(await verifyPrompts(await signPrompts(longest, server.signer), server.checker, prompts)).toEqual(longest);
  });

  test.each([
    ['two lines', 'VPN\nFrom: 10.0.0.1'],
    ['the direction of writing turned', 'VPN \u202E1.0.0.01'],
    ['half a character', 'VPN \uD83D'],
  ])('text with %s is neither signed nor shown', async (_, message) => {
    const disguised = { ...prompts, prompts: [{ ...prompt, displayed: { ...prompt.displayed, message } }] };

    await expect(signPrompts(disguised, server.signer)).rejects.toThrow(TypeError);
    const statement = await signStatement('mfa-prompts+jws', disguised, server.signer).catch(() => 'nonsense');
    expect(await verifyPrompts(statement, server.checker, prompts)).toBeUndefined();
  });
});

describe('proof of possession', () => {
  test('is for one activation, code, key and server', async () => {
    const proof = {
      v: 1 as const,
      activationId: 'activation-0123456789',
      codeHash: await activationCodeHash('the code'),
      keyThumbprint: device.thumbprint,
      serverKeyThumbprint: server.thumbprint,
      at: AT,
    };
    const statement = await signActivationProof(proof, device.privateKey);

    expect(await verifyActivationProof(statement, device.publicKey, proof)).toEqual(proof);
    const others = {
      activationId: 'activation-9876543210',
      codeHash: await activationCodeHash('another'),
      serverKeyThumbprint: stranger.thumbprint,
    };
    for (const [name, other] of Object.entries(others)) {
      expect(
        await verifyActivationProof(statement, device.publicKey, { ...proof, [name]: other }),
        name,
      ).toBeUndefined();
    }
    expect(await verifyActivationProof(statement, stranger.publicKey, proof)).toBeUndefined();
    expect(
      await verifyActivationProof(statement, { ...device.publicKey, y: device.publicKey.x }, proof),
    ).toBeUndefined();
  });

  test('nobody claims the name of another key', async () => {
    const proof = {
      v: 1 as const,
      activationId: 'activation-0123456789',
      codeHash: await activationCodeHash('the code'),
      keyThumbprint: device.thumbprint,
      serverKeyThumbprint: server.thumbprint,
      at: AT,
    };
    const inHeader = await signActivationProof(proof, stranger.privateKey);
    const inText = await signStatement('mfa-activation+jws', proof, stranger.signer);

    expect(await verifyActivationProof(inHeader, stranger.publicKey, proof)).toBeUndefined();
    expect(await verifyActivationProof(inText, stranger.publicKey, proof)).toBeUndefined();
  });
});

describe('a change of the server keys', () => {
  const setOf = (version: number, ...keys: Party[]) => ({
    v: 1 as const,
    version,
    at: AT,
    keys: keys.map((one) => one.publicKey),
  });

  test('is taken when a trusted key signed it', async () => {
    const next = setOf(2, stranger, server);

    expect(await acceptKeySet(await signKeySet(next, server.signer), setOf(1, server))).toEqual(next);
  });

  test('is taken from any of the trusted keys', async () => {
    const next = setOf(2, stranger);

    expect(await acceptKeySet(await signKeySet(next, server.signer), setOf(1, stranger, server))).toEqual(next);
  });

  test.each<[string, () => Promise<string>]>([
    ['it leaves one out', () => signKeySet(setOf(3, stranger), server.signer)],
    ['it is signed by a key of its own', () => signKeySet(setOf(2, stranger), stranger.signer)],
    ['it is as old as what is trusted', () => signKeySet(setOf(1, stranger), server.signer)],
    [
      'it claims the name of the trusted key',
      () => signKeySet(setOf(2, stranger), { ...stranger.signer, keyId: server.thumbprint }),
    ],
    [
      'a key lies beside the curve',
      () => signKeySet({ ...setOf(2, server), keys: [{ ...server.publicKey, y: server.publicKey.x }] }, server.signer),
    ],
    [
      'it is something else',
      () =>
        signPrompts({ v: 1, deviceId: DEVICE, answers: 'AAECAwQFBgcICQoLDA0ODw', at: AT, prompts: [] }, server.signer),
    ],
    ['it is nonsense', () => Promise.resolve('nonsense')],
  ])('is not taken when %s', async (_, statement) => {
    expect(await acceptKeySet(await statement(), setOf(1, server))).toBeUndefined();
  });
});
