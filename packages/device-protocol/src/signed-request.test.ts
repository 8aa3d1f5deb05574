import { createPrivateKey, generateKeyPairSync, sign as nodeSign } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateKeyPair, importPublicKey, parsePublicKey, thumbprintOf, type KeyPair } from './device-key.ts';
import {
  isFresh,
  parseSignature,
  signRequest,
  verifyRequest,
  type DeviceRequest,
  type SignatureHeaders,
} from './signed-request.ts';

const NOW = 1_800_000_000;
const NONCE = 'AAECAwQFBgcICQoLDA0ODw';
const body = new TextEncoder().encode('{"wait":25}');
const poll: DeviceRequest = { method: 'POST', authority: 'mfa.example.com', path: '/device/poll', query: '?', body };

let device: KeyPair;
let publicKey: CryptoKey;

beforeAll(async () => {
  device = await generateKeyPair();
  publicKey = (await importPublicKey(device.publicKey))!;
});

function signed(request: DeviceRequest): Promise<SignatureHeaders> {
  const { privateKey, thumbprint } = device;
  return signRequest(request, { privateKey, keyId: thumbprint, createdAt: NOW, nonce: NONCE });
}

async function accepts(request: DeviceRequest, headers: SignatureHeaders, key = publicKey): Promise<boolean> {
  const signature = parseSignature(headers, request.body !== undefined);
  return signature !== undefined && verifyRequest(request, signature, headers['content-digest'], key);
}

describe('a request as it was signed', () => {
  test('with a body', async () => {
    const headers = await signed(poll);

    expect(parseSignature(headers, true)).toMatchObject({
      keyId: device.thumbprint,
      nonce: NONCE,
      createdAt: NOW,
      expiresAt: NOW + 60,
    });
    expect(await accepts(poll, headers)).toBe(true);
  });

  test('without a body has no digest', async () => {
    const { body: _, ...request } = { ...poll, method: 'GET', query: '?wait=25' };
    const headers = await signed(request);

    expect(headers['content-digest']).toBeUndefined();
    expect(await accepts(request, headers)).toBe(true);
  });

  test('DEV-21: signed by OpenSSL, with r and s side by side', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = parsePublicKey(pair.publicKey.export({ format: 'jwk' }))!;
    const headers = await signed(poll);
    const input = headers['signature-input'].replace(device.thumbprint, await thumbprintOf(jwk));
    const base = [
      '"@method": POST',
      '"@authority": mfa.example.com',
      '"@path": /device/poll',
      '"@query": ?',
      `"content-digest": ${headers['content-digest']}`,
      `"@signature-params": ${input.slice('device='.length)}`,
    ].join('\n');
    const key = createPrivateKey(pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const raw = nodeSign('sha256', Buffer.from(base), { key, dsaEncoding: 'ieee-p1363' }).toString('base64');
    const der = nodeSign('sha256', Buffer.from(base), key).toString('base64');
    const own = (await importPublicKey(jwk))!;

    expect(await accepts(poll, { ...headers, 'signature-input': input, signature: `device=:${raw}:` }, own)).toBe(true);
    expect(await accepts(poll, { ...headers, 'signature-input': input, signature: `device=:${der}:` }, own)).toBe(
      false,
    );
  });
});

describe('DEV-20: each component altered', () => {
  test.each<[string, Partial<DeviceRequest>]>([
    ['method', { method: 'PUT' }],
    ['authority', { authority: 'mfa.example.org' }],
    ['path', { path: '/device/answer' }],
    ['query', { query: '?x' }],
    ['body', { body: new TextEncoder().encode('{"wait":24}') }],
    ['body taken away', { body: undefined }],
  ])('%s', async (_, change) => {
    expect(await accepts({ ...poll, ...change }, await signed(poll))).toBe(false);
  });

  test('body and digest together', async () => {
    const other = { ...poll, body: new TextEncoder().encode('{}') };
    const digest = (await signed(other))['content-digest'];

    expect(await accepts(other, { ...(await signed(poll)), 'content-digest': digest })).toBe(false);
  });

  test('a body where none was signed', async () => {
    const { body: _, ...bare } = poll;

    expect(await accepts(poll, await signed(bare))).toBe(false);
  });

  test('a digest beside a request that has no body', async () => {
    const { body: _, ...bare } = poll;
    const digest = (await signed(poll))['content-digest'];

    expect(await accepts(bare, { ...(await signed(bare)), 'content-digest': digest })).toBe(false);
  });

  test('the key of another device', async () => {
    const other = await generateKeyPair();

    expect(await accepts(poll, await signed(poll), await importPublicKey(other.publicKey))).toBe(false);
  });
});

describe('DEV-20: headers beside the profile', () => {
  test.each<[string, (headers: SignatureHeaders) => Partial<SignatureHeaders>]>([
    ['another tag', (one) => ({ 'signature-input': one['signature-input'].replace('mfa-device-v1', 'mfa-device-v2') })],
    ['another algorithm', (one) => ({ 'signature-input': one['signature-input'].replace('ecdsa-p256', 'ecdsa-p384') })],
    ['no algorithm', (one) => ({ 'signature-input': one['signature-input'].replace(/;alg="[^"]*"/, '') })],
    ['a parameter more', (one) => ({ 'signature-input': `${one['signature-input']};x=1` })],
    ['a component less', (one) => ({ 'signature-input': one['signature-input'].replace('"@query" ', '') })],
    ['no digest', (one) => ({ 'signature-input': one['signature-input'].replace(' "content-digest"', '') })],
    [
      'a component more',
      (one) => ({ 'signature-input': one['signature-input'].replace('"@query"', '"@query" "host"') }),
    ],
    [
      'another order',
      (one) => ({
        'signature-input': one['signature-input'].replace('"@method" "@authority"', '"@authority" "@method"'),
      }),
    ],
    ['two signatures', (one) => ({ 'signature-input': `${one['signature-input']}, b=("@method")` })],
    [
      'a signature before it of the same name',
      (one) => ({ 'signature-input': `device=("@method");tag="other", ${one['signature-input']}` }),
    ],
    [
      'a nonce before it',
      (one) => ({
        'signature-input': one['signature-input'].replace(';nonce', `;nonce="BBECAwQFBgcICQoLDA0ODw";nonce`),
      }),
    ],
    [
      'a time with a fraction',
      (one) => ({ 'signature-input': one['signature-input'].replace(`created=${NOW}`, `created=${NOW}.0`) }),
    ],
    [
      'a component with a parameter',
      (one) => ({ 'signature-input': one['signature-input'].replace('"@query"', '"@query";req') }),
    ],
    ['another label', (one) => ({ signature: one.signature.replace('device=', 'other=') })],
    ['a signature that is none', () => ({ signature: 'device=:AAAA:' })],
    ['a signature that is a list', () => ({ signature: 'device=("a")' })],
    [
      'a longer life',
      (one) => ({ 'signature-input': one['signature-input'].replace(String(NOW + 60), String(NOW + 61)) }),
    ],
    ['no life', (one) => ({ 'signature-input': one['signature-input'].replace(String(NOW + 60), String(NOW)) })],
    ['a short nonce', (one) => ({ 'signature-input': one['signature-input'].replace(NONCE, 'AAECAwQFBgcICQo') })],
    [
      'a nonce spelt another way',
      (one) => ({ 'signature-input': one['signature-input'].replace(NONCE, 'AAECAwQFBgcICQoLDA0ODx') }),
    ],
    [
      'a key that is no thumbprint',
      (one) => ({ 'signature-input': one['signature-input'].replace(device.thumbprint, 'mine') }),
    ],
    ['too long a header', (one) => ({ 'signature-input': `${one['signature-input']}${' '.repeat(600)}` })],
  ])('%s', async (_, change) => {
    const headers = await signed(poll);

    expect(parseSignature(headers, true)).toBeDefined();
    expect(parseSignature({ ...headers, ...change(headers) }, true)).toBeUndefined();
  });

  test('whatever a stranger sends is refused, and never throws', () => {
    const header = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant('device=("@method");created=1'));
    fc.assert(
      fc.property(header, header, fc.boolean(), (input, signature, hasBody) => {
        expect(parseSignature({ 'signature-input': input, signature }, hasBody)).toBeUndefined();
      }),
    );
  });
});

test('nonce and time are signed', async () => {
  const headers = await signed(poll);
  const alter = (from: string, to: string) => ({
    ...headers,
    'signature-input': headers['signature-input'].replace(from, to),
  });

  expect(await accepts(poll, alter(NONCE, 'BBECAwQFBgcICQoLDA0ODw'))).toBe(false);
  expect(await accepts(poll, alter(`created=${NOW}`, `created=${NOW + 1}`))).toBe(false);
});

test('an empty body is none', async () => {
  const empty = { ...poll, body: new Uint8Array() };
  const headers = await signed(empty);

  expect(headers['content-digest']).toBeUndefined();
  const signature = parseSignature(headers, false);
  expect(await verifyRequest(empty, signature!, undefined, publicKey)).toBe(true);
  expect(await verifyRequest({ ...empty, body: undefined }, signature!, undefined, publicKey)).toBe(true);
});

test.each([
  [-60, true],
  [-61, false],
  [0, true],
  [60, true],
  [61, false],
])('DEV-23: %i s after it was made it is fresh: %s', (seconds, fresh) => {
  expect(isFresh({ createdAt: NOW, expiresAt: NOW + 60 }, NOW + seconds)).toBe(fresh);
});

test('a request that gives itself less time has no more', () => {
  expect(isFresh({ createdAt: NOW, expiresAt: NOW + 10 }, NOW + 11)).toBe(false);
});
