import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { newToken, placeOf } from './cookie.ts';
import { seal, unseal } from './seal.ts';

const random = (size: number) => randomBytes(size);
const token = newToken('new', random);
const place = placeOf(token);
const state = { stage: 'signed-in', access: 'evidence' };

test('the secret in the cookie opens what was sealed under it, for its place', () => {
  expect(unseal(token, place, seal(token, place, state, random))).toEqual(state);
});

test('another secret opens nothing', () => {
  expect(unseal(newToken('new', random), place, seal(token, place, state, random))).toBeUndefined();
});

test('what was sealed for one place opens in no other, of another owner neither', () => {
  const sealed = seal(token, place, state, random);
  expect(unseal(token, { ...place, owner: '00000000-0000-4000-8000-000000000000' }, sealed)).toBeUndefined();
  expect(unseal(token, { ...place, hash: placeOf(newToken('new', random)).hash }, sealed)).toBeUndefined();
});

test('whatever byte was altered, or cut off, it opens no more', () => {
  const sealed = Buffer.from(seal(token, place, state, random), 'base64url');
  for (let at = 0; at < sealed.length; at += 1) {
    const altered = Buffer.from(sealed);
    altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
    expect(unseal(token, place, altered.toString('base64url')), `byte ${at}`).toBeUndefined();
    expect(unseal(token, place, sealed.subarray(0, at).toString('base64url')), `cut at ${at}`).toBeUndefined();
  }
});
