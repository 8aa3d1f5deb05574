import { describe, expect, test } from 'vitest';
import vectors from '../../../tests/vectors/device-protocol-v1.json' with { type: 'json' };
import { verifyActivated } from './activated.ts';
import { activationLink, parseActivationLink } from './activation-link.ts';
import { activationCodeHash, verifyActivationProof } from './activation-proof.ts';
import { canonicalBytes } from './canonical.ts';
import { verifyDecision } from './decision.ts';
import { importPublicKey, parsePublicKey, thumbprintOf, type PublicKeyJwk } from './device-key.ts';
import { verifyEvidence } from './evidence.ts';
import { acceptKeySet } from './key-set.ts';
import { verifyOutcome } from './outcome.ts';
import { passkeyChallenge, passkeyThumbprint, verifyPasskey } from './passkey.ts';
import { displayHash, verifyPrompts } from './prompt.ts';
import { verifyRotation } from './rotation.ts';
import { signatureBase } from './signature-base.ts';
import { parseSignature, verifyRequest } from './signed-request.ts';

const { keys } = vectors;

function publicPart({ d: _, ...jwk }: { d: string }): PublicKeyJwk {
  return parsePublicKey(jwk)!;
}

async function checkerOf({ jwk, thumbprint }: typeof keys.device) {
  return { publicKey: (await importPublicKey(publicPart(jwk)))!, keyId: thumbprint };
}

test.each(Object.entries(keys))('the thumbprint of the key of %s', async (_, { jwk, thumbprint }) => {
  expect(await thumbprintOf(publicPart(jwk))).toBe(thumbprint);
});

test('a signed request, and the base of its signature', async () => {
  const { headers, base, createdAt, nonce, ...request } = vectors.request;
  const body = new TextEncoder().encode(request.body);
  const signature = parseSignature(headers, true);

  expect(signature).toMatchObject({ createdAt, nonce, keyId: keys.device.thumbprint });
  const { method, authority, path, query } = request;
  const components = Object.entries({
    '@method': method,
    '@authority': authority,
    '@path': path,
    '@query': query,
    'content-digest': headers['content-digest'],
  });
  expect(signatureBase(signature!.covered, components)).toBe(base);
  const { publicKey } = await checkerOf(keys.device);
  expect(await verifyRequest({ ...request, body }, signature!, headers['content-digest'], publicKey)).toBe(true);
});

test('what is shown, its canonical form and its hash', async () => {
  const { value, canonical, hash } = vectors.displayed;

  expect(new TextDecoder().decode(canonicalBytes(value))).toBe(canonical);
  expect(await displayHash(value)).toBe(hash);
});

test('the answer to a poll', async () => {
  const { value, jws } = vectors.prompts;

  expect(await verifyPrompts(jws, await checkerOf(keys.server), value)).toEqual(value);
});

test('a decision', async () => {
  const { jws, decision, number, ...asked } = vectors.decision;

  expect(await verifyDecision(jws, await checkerOf(keys.device), asked)).toMatchObject({
    outcome: 'verified',
    decision: { decision, number, at: asked.at },
  });
});

test('an activation: its link, its code and the proof', async () => {
  const { link, url, proof, jws } = vectors.activation;

  expect(activationLink(link)).toBe(url);
  expect(parseActivationLink(url)).toEqual(link);
  expect(await activationCodeHash(link.code)).toBe(proof.codeHash);
  expect(await verifyActivationProof(jws, publicPart(keys.device.jwk), proof)).toEqual(proof);
});

test('a change of the server keys', async () => {
  const { trusted, value, jws } = vectors.keySet;

  expect(
    await acceptKeySet(jws, { version: trusted.version, keys: trusted.keys.map((key) => parsePublicKey(key)!) }),
  ).toEqual(value);
});

const activatedAs = {
  activationId: vectors.activation.link.activationId,
  keyThumbprint: keys.device.thumbprint,
  serverKeyThumbprint: vectors.activation.link.serverKeyThumbprint,
};
const rotatedFrom = { deviceId: vectors.rotation.value.deviceId, from: keys.device.thumbprint };

test('what a server answers to an activation', async () => {
  const { value, jws } = vectors.activated;

  expect(await verifyActivated(jws, activatedAs)).toEqual(value);
});

test('how a login stands after an answer', async () => {
  const { value, jws } = vectors.outcome;

  expect(await verifyOutcome(jws, await checkerOf(keys.server), value)).toEqual(value);
});

test('a rotation of the device key', async () => {
  const { value, jws } = vectors.rotation;

  expect(await verifyRotation(jws, publicPart(keys.nextDevice.jwk), rotatedFrom)).toEqual(value);
});

test('evidence of an answer', async () => {
  const { value, challengeId } = vectors.evidence;

  expect(await verifyEvidence(value, { challengeId })).toMatchObject({
    outcome: 'verified',
    decision: { decision: 'approve', displayHash: vectors.displayed.hash },
    keyThumbprint: keys.device.thumbprint,
  });
});

describe('DEV-35: a passkey confirms a decision', () => {
  const { jwk, thumbprint } = vectors.passkey.key;
  const { origin, challenge, assertion, evidence, refused } = vectors.passkey;
  const asked = { key: publicPart(jwk), origin, challenge };

  test('by its signature over what the device key signed', async () => {
    expect(await passkeyThumbprint(publicPart(jwk))).toBe(thumbprint);
    expect(await passkeyChallenge(vectors.decision.jws)).toBe(challenge);
    expect(await verifyPasskey(assertion, asked)).toEqual({ outcome: 'verified', isBackupEligible: false });
  });

  test('and the evidence says so', async () => {
    const { challengeId } = vectors.evidence;
    expect(await verifyEvidence(evidence, { challengeId })).toMatchObject({
      outcome: 'verified',
      keyThumbprint: keys.device.thumbprint,
      passkeyThumbprint: thumbprint,
    });
  });

  test.each(refused)('not where it is refused: $why', async ({ reason, assertion: one }) => {
    const { challengeId } = vectors.evidence;
    const altered = { ...evidence, passkey: { ...evidence.passkey, assertion: one } };
    expect(await verifyPasskey(one, asked)).toEqual({ outcome: 'refused', reason });
    expect(await verifyEvidence(altered, { challengeId })).toEqual({ outcome: 'refused', reason });
  });
});

/** As whoever expects the one that is taken above. */
const READERS: Record<string, (jws: string) => Promise<unknown>> = {
  activated: (jws) => verifyActivated(jws, activatedAs),
  outcome: async (jws) => verifyOutcome(jws, await checkerOf(keys.server), vectors.outcome.value),
  rotation: (jws) => verifyRotation(jws, publicPart(keys.nextDevice.jwk), rotatedFrom),
  decision: async (jws) => {
    const verified = await verifyDecision(jws, await checkerOf(keys.device), vectors.decision);
    return verified.outcome === 'refused' ? undefined : verified;
  },
};

test.each(vectors.refused.statements)('$what is refused: $why', async ({ what, jws }) => {
  expect(await READERS[what]!(jws)).toBeUndefined();
});
