import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadKeyRing, SealBroken } from './ring.ts';

const key = (fill: number) => Buffer.alloc(32, fill).toString('base64');
const one = loadKeyRing(`k1:${key(1)}`);

describe('sealed text', () => {
  test('opens to what was sealed, and never looks the same twice', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (plain, aad) => {
        const sealed = one.seal(plain, aad);
        expect(sealed).not.toBe(one.seal(plain, aad));
        expect(new Uint8Array(one.open(sealed, aad))).toEqual(plain);
      }),
    );
  });

  test('INV-17: opens only in the place it was sealed for', () => {
    const sealed = one.seal(Buffer.from('secret'), 'authenticator/secret_sealed/1');
    expect(() => one.open(sealed, 'authenticator/secret_sealed/2')).toThrow(SealBroken);
    expect(() => one.open(sealed, 'authenticator/phone_sealed/1')).toThrow(SealBroken);
  });

  test('KEY-01: a change to any one character is noticed', () => {
    const sealed = one.seal(Buffer.from('secret'), 'here');
    for (let at = 0; at < sealed.length; at++) {
      const flipped = sealed[at] === 'A' ? 'B' : 'A';
      const changed = sealed.slice(0, at) + flipped + sealed.slice(at + 1);
      // The last character of base64url may carry bits that mean nothing.
      if (
        Buffer.from(changed.split('.')[2] ?? '', 'base64url').equals(Buffer.from(sealed.split('.')[2]!, 'base64url'))
      ) {
        if (changed.startsWith('v1.k1.')) continue;
      }
      expect(() => one.open(changed, 'here')).toThrow(SealBroken);
    }
  });

  test('a text cut short, of another version or of no form at all is refused', () => {
    const sealed = one.seal(Buffer.from('secret'), 'here');
    for (const wrong of ['', 'v1', 'v2.k1.AAAA', sealed.slice(0, 20), `${sealed}.x`, sealed.slice(0, -4)]) {
      expect(() => one.open(wrong, 'here')).toThrow(SealBroken);
    }
  });

  test('R30: a key of the same id with other bytes does not open it, and there is no fallback', () => {
    const sealed = one.seal(Buffer.from('secret'), 'here');
    expect(() => loadKeyRing(`k1:${key(2)}`).open(sealed, 'here')).toThrow('another key k1');
    expect(() => loadKeyRing(`k2:${key(1)}`).open(sealed, 'here')).toThrow('no key k1');
  });

  test('KEY-03: every IV is new', () => {
    const ivs = new Set<string>();
    for (let round = 0; round < 5000; round++) {
      const body = Buffer.from(one.seal(Buffer.alloc(1), 'here').split('.')[2]!, 'base64url');
      ivs.add(body.subarray(0, 12).toString('hex'));
    }
    expect(ivs.size).toBe(5000);
  });
});

describe('a ring of several keys', () => {
  const both = loadKeyRing(`k2:${key(2)},k1:${key(1)}`);

  test('seals with the first and opens with all', () => {
    expect(both.seal(Buffer.from('x'), 'here').split('.')[1]).toBe('k2');
    const old = one.seal(Buffer.from('x'), 'here');
    expect(both.open(old, 'here').toString()).toBe('x');
    expect(both.isCurrent(old)).toBe(false);
    expect(both.isCurrent(both.seal(Buffer.from('x'), 'here'))).toBe(true);
  });

  test('hashes only once it knows the installation’s root, and then like every other replica', () => {
    expect(() => both.mac('codes', 'a')).toThrow('has not been read');
    const root = one.firstRoot();
    for (const text of [`k2:${key(2)},k1:${key(1)}`, `k1:${key(1)},k2:${key(2)}`, `k2:${key(2)}`]) {
      const ring = loadKeyRing(text);
      ring.adoptRoot(root);
      expect(ring.mac('codes', 'a')).toEqual(one.mac('codes', 'a'));
    }
  });
});

test('hashes differ by purpose and by where one part ends', () => {
  const macs = [one.mac('a', 'bc'), one.mac('b', 'bc'), one.mac('a', 'b', 'c'), one.mac('a', 'bc', ''), one.mac('a')];
  expect(new Set(macs.map((mac) => mac.toString('hex'))).size).toBe(macs.length);
  expect(one.mac('a', 'bc')).toEqual(one.mac('a', Buffer.from('bc')));
});

test('a ring that cannot be used is refused with a sentence that holds no key', () => {
  const secret = randomBytes(31).toString('base64');
  const cases: [string, string][] = [
    ['', 'empty'],
    [secret, 'not of the form'],
    [`k1:${secret}`, 'has 31 bytes'],
    [`k1:${key(1)},k1:${key(2)}`, 'two keys with the id k1'],
    [`k 1:${key(1)}`, 'not of the form'],
  ];
  for (const [text, words] of cases) {
    expect(() => loadKeyRing(text)).toThrow(words);
    expect(() => loadKeyRing(text)).not.toThrow(secret);
  }
});
