import { randomBytes } from 'node:crypto';
import type { SignedRequest } from '@countersign/contracts';
import {
  acceptKeySet,
  activationCodeHash,
  generateKeyPair,
  importPublicKey,
  keyIdOfStatement,
  parseActivationLink,
  signActivationProof,
  signDecision,
  signRequest,
  thumbprintOf,
  verifyActivated,
  verifyOutcome,
  verifyPrompts,
  type Activated,
  type ActivationLink,
  type Answer,
  type KeyPair,
  type KeySet,
  type Prompt,
} from '@countersign/device-protocol';

/** What a phone sends to redeem a link, and what it would hold against the answer. */
export async function redemption(uri: string, changes: { link?: Partial<ActivationLink>; key?: KeyPair } = {}) {
  const parsed = parseActivationLink(uri);
  if (parsed === undefined) throw new Error('no activation link');
  const link = { ...parsed, ...changes.link };
  const key = changes.key ?? (await generateKeyPair());
  const proof = await signActivationProof(
    {
      v: 1,
      activationId: link.activationId,
      codeHash: await activationCodeHash(link.code),
      keyThumbprint: key.thumbprint,
      serverKeyThumbprint: link.serverKeyThumbprint,
      at: Date.now(),
    },
    key.privateKey,
  );
  const input = { activationId: link.activationId, code: link.code, key: { ...key.publicKey }, proof, label: 'Pixel' };
  return { input, link, key };
}

/** A phone after its activation: it trusts what it pinned, and signs what it sends. */
export class Phone {
  deviceId: string;
  /** Host of the server, as the link names it. */
  authority: string;
  keySet: KeySet;
  key: KeyPair;
  /** ms by which its clock is ahead. */
  aheadMs = 0;

  private constructor({ deviceId, keySet }: Activated, authority: string, key: KeyPair) {
    this.deviceId = deviceId;
    this.authority = authority;
    this.keySet = keySet;
    this.key = key;
  }

  static async of(activated: string, { link, key }: Awaited<ReturnType<typeof redemption>>): Promise<Phone> {
    const read = await verifyActivated(activated, {
      activationId: link.activationId,
      keyThumbprint: key.thumbprint,
      serverKeyThumbprint: link.serverKeyThumbprint,
    });
    if (read === undefined) throw new Error('not the answer of the server that the link names');
    return new Phone(read, new URL(link.server).host, key);
  }

  async sign(
    path: string,
    body: unknown,
    { key = this.key, nonce = randomBytes(16).toString('base64url') }: { key?: KeyPair; nonce?: string } = {},
  ): Promise<{ request: SignedRequest; nonce: string }> {
    const text = JSON.stringify(body);
    const headers = await signRequest(
      { method: 'POST', authority: this.authority, path, query: '?', body: new TextEncoder().encode(text) },
      {
        privateKey: key.privateKey,
        keyId: key.thumbprint,
        createdAt: Math.floor((Date.now() + this.aheadMs) / 1000),
        nonce,
      },
    );
    return {
      nonce,
      request: {
        method: 'POST',
        authority: this.authority,
        path,
        query: '?',
        body: text,
        signatureInput: headers['signature-input'],
        signature: headers.signature,
        contentDigest: headers['content-digest'] ?? '',
      },
    };
  }

  /** @throws when one is not signed by the one before. */
  async follow(keySets: readonly string[]): Promise<void> {
    for (const statement of keySets) {
      const next = await acceptKeySet(statement, this.keySet);
      if (next === undefined) throw new Error('a set of keys that nobody trusted signed');
      this.keySet = next;
    }
  }

  /** @throws when a server that is not trusted signed it, or another request is answered. */
  async read({ prompts, keySets }: { prompts: string; keySets: string[] }, nonce: string): Promise<Prompt[]> {
    await this.follow(keySets);
    const key = await this.#trusted(prompts);
    const read = await verifyPrompts(prompts, key, { deviceId: this.deviceId, answers: nonce });
    if (read === undefined) throw new Error('prompts that are not for this phone, or old ones');
    return read.prompts;
  }

  decide(prompt: Prompt, answer: Answer, key = this.key): Promise<string> {
    const asked = { prompt, deviceId: this.deviceId, at: Date.now() };
    return signDecision(asked, answer, { privateKey: key.privateKey, keyId: key.thumbprint });
  }

  async outcome(statement: string, challengeId: string, nonce: string) {
    const key = await this.#trusted(statement);
    const read = await verifyOutcome(statement, key, { challengeId, deviceId: this.deviceId, answers: nonce });
    if (read === undefined) throw new Error('an outcome of something else');
    return read;
  }

  async #trusted(statement: string): Promise<{ publicKey: CryptoKey; keyId: string }> {
    const keyId = keyIdOfStatement(statement);
    for (const jwk of this.keySet.keys) {
      if ((await thumbprintOf(jwk)) !== keyId) continue;
      const publicKey = await importPublicKey(jwk);
      if (publicKey !== undefined) return { publicKey, keyId };
    }
    throw new Error('signed by a key that this phone does not trust');
  }
}
