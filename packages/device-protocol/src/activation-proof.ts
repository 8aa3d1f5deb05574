import { base64url } from 'jose';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { importPublicKey, thumbprintOf, type PublicKeyJwk } from './device-key.ts';
import { Hash, Id, Instant } from './prompt.ts';
import { signStatement, verifyStatement } from './statement.ts';

/** Proof that whoever hands in a device key has its private half, for this activation at this server and no other. */
export const ActivationProof = Type.Object(
  {
    v: Type.Literal(1),
    activationId: Id,
    /** SHA-256 of the one-time code. The code itself goes beside the proof, which may be kept. */
    codeHash: Hash,
    /** Of the device key. */
    keyThumbprint: Hash,
    /** Of the server's key, as the phone has it: whoever stands between would have to show another. */
    serverKeyThumbprint: Hash,
    at: Instant,
  },
  { additionalProperties: false },
);
export type ActivationProof = Static<typeof ActivationProof>;

/** SHA-256 of the code in UTF-8, base64url. */
export async function activationCodeHash(code: string): Promise<string> {
  return base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(code))));
}

export function signActivationProof(proof: ActivationProof, privateKey: CryptoKey): Promise<string> {
  return signStatement('mfa-activation+jws', proof, { privateKey, keyId: proof.keyThumbprint });
}

/**
 * Undefined unless the private half of this very key signed it, for exactly the expected activation. How old `at` may be is for the caller.
 * @param key as the stranger sent it. Its thumbprint is made here, so that nobody claims the name of another key.
 */
export async function verifyActivationProof(
  statement: string,
  key: PublicKeyJwk,
  expected: Pick<ActivationProof, 'activationId' | 'codeHash' | 'serverKeyThumbprint'>,
): Promise<ActivationProof | undefined> {
  const publicKey = await importPublicKey(key);
  if (publicKey === undefined) return undefined;
  const keyId = await thumbprintOf(key);
  const proof = await verifyStatement('mfa-activation+jws', statement, { publicKey, keyId });
  if (!Value.Check(ActivationProof, proof)) return undefined;
  const isExpected =
    proof.activationId === expected.activationId &&
    proof.codeHash === expected.codeHash &&
    proof.keyThumbprint === keyId &&
    proof.serverKeyThumbprint === expected.serverKeyThumbprint;
  return isExpected ? proof : undefined;
}
