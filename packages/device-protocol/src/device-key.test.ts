import { expect, test } from 'vitest';
import { importPublicKey, parsePublicKey, thumbprintOf } from './device-key.ts';

/** Of RFC 7515 appendix A.3. */
const key = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
} as const;

test('of a public key only what makes it is kept', async () => {
  const parsed = parsePublicKey({ ...key, kid: 'mine', key_ops: ['verify'] });

  expect(parsed).toEqual(key);
  expect(await thumbprintOf(parsed!)).toBe('oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U');
  expect(await importPublicKey(parsed!)).toBeDefined();
});

test.each([
  ['a private key', { ...key, d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI' }],
  ['another curve', { ...key, crv: 'P-384' }],
  ['another kind', { kty: 'OKP', crv: 'Ed25519', x: key.x }],
  ['a short coordinate', { ...key, x: key.x.slice(1) }],
  ['a coordinate spelt another way', { ...key, x: `${key.x.slice(0, -1)}V` }],
  ['no coordinate', { ...key, y: undefined }],
  ['nothing', null],
  ['text', 'EC'],
])('%s is not taken', (_, value) => {
  expect(parsePublicKey(value)).toBeUndefined();
});

test('a point beside the curve is not taken', async () => {
  expect(await importPublicKey({ ...key, y: key.x })).toBeUndefined();
});

test('a coordinate spelt another way is not taken as a key either: it would have a second name', async () => {
  expect(await importPublicKey({ ...key, x: `${key.x.slice(0, -1)}V` })).toBeUndefined();
});
