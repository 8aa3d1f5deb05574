import { expect, test } from 'vitest';
import vectors from '../../../tests/vectors/device-protocol-v1.json' with { type: 'json' };
import { activationLink, parseActivationLink } from './activation-link.ts';
import { activationCodeHash, verifyActivationProof } from './activation-proof.ts';
import { canonicalBytes } from './canonical.ts';
import { verifyDecision } from './decision.ts';
import { importPublicKey, parsePublicKey, thumbprintOf, type PublicKeyJwk } from './device-key.ts';
import { acceptKeySet } from './key-set.ts';
import { displayHash, verifyPrompts } from './prompt.ts';
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

test('a signed request', async () => {
  const { headers, createdAt, nonce, ...request } = vectors.request;
  const body = new TextEncoder().encode(request.body);
  const signature = parseSignature(headers, true);

  expect(signature).toMatchObject({ createdAt, nonce, keyId: keys.device.thumbprint });
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
