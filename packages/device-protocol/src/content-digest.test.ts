import { expect, test } from 'vitest';
import { contentDigest, matchesDigest } from './content-digest.ts';

const body = new TextEncoder().encode('{"hello": "world"}');
/** Of RFC 9530 appendix B. */
const SHA_256 = 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:';

test('SHA-256 of the body, as RFC 9530 has it', async () => {
  expect(await contentDigest(body)).toBe(SHA_256);
  expect(await matchesDigest(SHA_256, body)).toBe(true);
});

test('another algorithm beside it is not looked at', async () => {
  expect(await matchesDigest(`sha-512=:AAAA:, ${SHA_256}`, body)).toBe(true);
});

test.each([
  ['another digest', 'sha-256=:AAAE9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:'],
  ['no bytes', 'sha-256=::'],
  ['fewer bytes', 'sha-256=:X48E9qOokqqrvdts8nOJRA==:'],
  ['text', 'sha-256="X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="'],
  ['another algorithm alone', 'sha-512=:AAAA:'],
  ['nonsense', '='],
  ['what is too long', `${SHA_256}, x=:${'A'.repeat(200)}:`],
])('%s is not of this body', async (_, header) => {
  expect(await matchesDigest(header, body)).toBe(false);
});
