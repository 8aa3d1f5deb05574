import { base64url, CompactSign } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { activationCodeHash, signActivationProof, verifyActivationProof } from './activation-proof.ts';
import { signDecision, verifyDecision } from './decision.ts';
import { generateKeyPair, importPublicKey, type KeyPair } from './device-key.ts';
import { acceptKeySet, signKeySet } from './key-set.ts';
import { signPrompts, verifyPrompts, type Displayed, type Prompt, type Prompts } from './prompt.ts';
import { signStatement, verifyStatement } from './statement.ts';

interface Party extends KeyPair {
  signer: { privateKey: CryptoKey; keyId: string };
  checker: { publicKey: CryptoKey; keyId: string };
}

async function party(): Promise<Party> {
  const pair = await generateKeyPair();
  return {
    ...pair,
    signer: { privateKey: pair.privateKey, keyId: pair.thumbprint },
    checker: { publicKey: (await importPublicKey(pair.publicKey))!, keyId: pair.thumbprint },
  };
}

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
  ])('%s is refused, although the key signed it', async (_, text, header) => {
    const statement = await new CompactSign(new TextEncoder().encode(text))
      .setProtectedHeader({ alg: 'ES256', typ: 'mfa-decision+jws', kid: device.thumbprint, ...header })
      .sign(device.privateKey);

    expect(await verifyStatement('mfa-decision+jws', statement, device.checker)).toBeUndefined();
  });
});

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

  test('of another device key, or with a number where it denies, is refused', async () => {
    const denial = await signDecision({ ...asked, at: AT }, { decision: 'deny', number: '042' }, device.signer);

    expect(await verifyDecision(await decide(stranger), device.checker, asked)).toMatchObject({ reason: 'not_signed' });
    expect(await verifyDecision(denial, device.checker, asked)).toMatchObject({ reason: 'not_signed' });
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
    const { publicKey } = device.checker;

    expect(await verifyActivationProof(statement, publicKey, proof)).toEqual(proof);
    const others = {
      activationId: 'activation-9876543210',
      codeHash: await activationCodeHash('another'),
      keyThumbprint: stranger.thumbprint,
      serverKeyThumbprint: stranger.thumbprint,
    };
    for (const [name, other] of Object.entries(others)) {
      expect(await verifyActivationProof(statement, publicKey, { ...proof, [name]: other }), name).toBeUndefined();
    }
    expect(await verifyActivationProof(statement, stranger.checker.publicKey, proof)).toBeUndefined();
    const ofAnother = await signStatement(
      'mfa-activation+jws',
      { ...proof, keyThumbprint: stranger.thumbprint },
      device.signer,
    );
    expect(await verifyActivationProof(ofAnother, publicKey, proof)).toBeUndefined();
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

  test.each<[string, () => Promise<string>]>([
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
