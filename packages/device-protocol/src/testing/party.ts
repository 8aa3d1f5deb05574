import { base64url } from 'jose';
import type { Json } from '../canonical.ts';
import { generateKeyPair, importPublicKey, type KeyPair } from '../device-key.ts';

/** Somebody with a key: a phone, a server, a stranger. */
export interface Party extends KeyPair {
  signer: { privateKey: CryptoKey; keyId: string };
  checker: { publicKey: CryptoKey; keyId: string };
}

export async function party(): Promise<Party> {
  const pair = await generateKeyPair();
  const publicKey = await importPublicKey(pair.publicKey);
  if (publicKey === undefined) throw new Error('a key that was just made is none');
  return {
    ...pair,
    signer: { privateKey: pair.privateKey, keyId: pair.thumbprint },
    checker: { publicKey, keyId: pair.thumbprint },
  };
}

/** The same header and signature around another text. */
export function withText(statement: string, text: Json): string {
  const [header, , signature] = statement.split('.');
  return [header, base64url.encode(JSON.stringify(text)), signature].join('.');
}
