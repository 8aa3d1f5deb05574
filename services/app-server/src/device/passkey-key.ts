import type { PasskeyKey } from '@countersign/device-protocol';
import { importPasskeyKey, parsePasskeyKey } from '@countersign/device-protocol';
import { cose, decodeCredentialPublicKey } from '@simplewebauthn/server/helpers';

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64url');

/**
 * The public key of a new passkey as JWK, in which it stands in the evidence: whoever checks that has no CBOR to read.
 * @param publicKey COSE, as the authenticator gave it (RFC 9053 section 7).
 * @returns undefined for a kind that we did not ask for, and for RSA of less than 2048 or more than 4096 bits.
 */
export async function passkeyKeyOf(publicKey: Buffer): Promise<PasskeyKey | undefined> {
  const key = jwkOf(decodeCredentialPublicKey(new Uint8Array(publicKey)));
  return (await importPasskeyKey(key)) === undefined ? undefined : parsePasskeyKey(key);
}

function jwkOf(key: cose.COSEPublicKey): object | undefined {
  const { COSEKEYS, COSECRV } = cose;
  if (cose.isCOSEPublicKeyEC2(key) && key.get(COSEKEYS.crv) === COSECRV.P256) {
    return { kty: 'EC', crv: 'P-256', x: text(key.get(COSEKEYS.x)), y: text(key.get(COSEKEYS.y)) };
  }
  if (cose.isCOSEPublicKeyRSA(key)) return { kty: 'RSA', n: text(key.get(COSEKEYS.n)), e: text(key.get(COSEKEYS.e)) };
  if (cose.isCOSEPublicKeyOKP(key) && key.get(COSEKEYS.crv) === COSECRV.ED25519) {
    return { kty: 'OKP', crv: 'Ed25519', x: text(key.get(COSEKEYS.x)) };
  }
  return undefined;
}
