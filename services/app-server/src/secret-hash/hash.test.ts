import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadKeyRing } from '../keys/ring.ts';
import type { KeyRing } from '../keys/ring.ts';
import { Argon2 } from './argon2.ts';
import { SecretHasher } from './hash.ts';
import { formatPhc, parsePhc } from './phc.ts';

const vectors = JSON.parse(
  readFileSync(new URL('../../../../tests/vectors/argon2id.json', import.meta.url), 'utf8'),
) as {
  raw: {
    source: string;
    message: string;
    nonce: string;
    secret?: string;
    associatedData?: string;
    memory: number;
    passes: number;
    parallelism: number;
    tag: string;
  }[];
  phc: { message: string; encoded: string }[];
};
const argon2 = new Argon2();
const ring = loadKeyRing(`k1:${Buffer.alloc(32, 7).toString('base64')}`);
const hasherOf = (by: Pick<KeyRing, 'mac'>) =>
  new SecretHasher('pin-hash', { ring: by, argon2, randomBytes: (size) => randomBytes(size) });
const pins = hasherOf(ring);
const hex = (text: string) => Buffer.from(text, 'hex');

describe('KEY-20, KEY-21: Argon2id', () => {
  test.each(vectors.raw)('$source', async ({ memory, passes, parallelism, tag, ...fields }) => {
    using place = argon2.enter();
    const { message, nonce, secret, associatedData } = fields;
    const job = {
      message: hex(message),
      nonce: hex(nonce),
      ...(secret !== undefined && { secret: hex(secret) }),
      ...(associatedData !== undefined && { associatedData: hex(associatedData) }),
    };
    const derived = await place.derive({ ...job, memory, passes, parallelism, tagLength: 32 });
    expect(derived.toString('hex')).toBe(tag);
  });

  test.each(vectors.phc)('PHC string of $message', async ({ message, encoded }) => {
    const { memoryKib, passes, parallelism, salt, hash } = parsePhc(encoded);
    using place = argon2.enter();
    const job = { message: Buffer.from(message), nonce: salt, memory: memoryKib, passes, parallelism, tagLength: 32 };
    expect(await place.derive(job)).toEqual(hash);
    expect(formatPhc(parsePhc(encoded))).toBe(encoded);
  });

  test.each([
    '',
    '$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=16$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=0,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ])('%j is none', (text) => {
    expect(() => parsePhc(text)).toThrow('PHC');
  });

  test('the self-test passes on this Node.js', async () => {
    await expect(new Argon2().assertSound()).resolves.toBeUndefined();
  });
});

test('a job that this Node.js does not take is refused, and the next one is done', async () => {
  using place = argon2.enter();
  const job = { message: Buffer.from('5820'), nonce: Buffer.alloc(16), memory: 32, passes: 1, parallelism: 1 };
  await expect(place.derive({ ...job, memory: 1, tagLength: 32 })).rejects.toThrow('ended');
  expect(await place.derive({ ...job, tagLength: 32 })).toHaveLength(32);
});

describe('a PIN as it is kept', () => {
  test('is right for its own user and nobody else, salted, and of the floor of KEY-20', async () => {
    using place = pins.enter();
    const [one, two] = [await pins.hash(place, 'alice', '58203917'), await pins.hash(place, 'alice', '58203917')];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(one).not.toBe(two);
    const right = { isRight: true, isOutdated: false };
    expect(await pins.check(place, 'alice', '58203917', one)).toEqual(right);
    expect(await pins.check(place, 'alice', '58203918', one)).toEqual({ ...right, isRight: false });
    expect(await pins.check(place, 'bob', '58203917', one)).toEqual({ ...right, isRight: false });
    expect(await pins.check(place, 'alice', '58203917', undefined)).toEqual({ ...right, isRight: false });
  });

  test('is nothing without the key ring: the last field is no tag of Argon2id', async () => {
    using place = pins.enter();
    const stored = await pins.hash(place, 'alice', '58203917');
    const { salt, hash, memoryKib: memory, passes, parallelism } = parsePhc(stored);
    const tag = await place.derive({
      message: Buffer.from('58203917'),
      nonce: salt,
      memory,
      passes,
      parallelism,
      tagLength: 32,
    });
    expect(tag).not.toEqual(hash);
    const other = loadKeyRing(`k1:${Buffer.alloc(32, 8).toString('base64')}`);
    const elsewhere = hasherOf(other);
    expect((await elsewhere.check(place, 'alice', '58203917', stored)).isRight).toBe(false);
  });

  test('and made with less than is asked for now, is right and outdated', async () => {
    using place = pins.enter();
    const salt = Buffer.alloc(16, 1);
    const small = { memoryKib: 8192, passes: 1, parallelism: 1 };
    const job = { message: Buffer.from('5820'), nonce: salt, memory: 8192, passes: 1, parallelism: 1, tagLength: 32 };
    const tag = await place.derive(job);
    const stored = formatPhc({ ...small, salt, hash: ring.mac('pin-hash', 'alice', tag) });
    expect(await pins.check(place, 'alice', '5820', stored)).toEqual({ isRight: true, isOutdated: true });
  });
});

test('KEY-22: of 500 at once as many wait as may, four are at it, and the rest hears it at once', async () => {
  const before = process.memoryUsage().rss;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss - before);
  }, 5);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 500 }, async () => {
      using place = pins.enter();
      return await pins.check(place, 'alice', '58203917', undefined);
    }),
  );
  clearInterval(watch);
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  expect(outcomes.length - refused.length).toBe(64);
  expect(refused[0]).toMatchObject({ reason: { code: 'UNAVAILABLE', retryAfterSeconds: 3 } });
  // Four of 19 MiB, and as much again for their threads.
  expect(most).toBeLessThan(240 * 1024 ** 2);
  using place = pins.enter();
  expect((await pins.check(place, 'alice', '58203917', undefined)).isRight).toBe(false);
});
