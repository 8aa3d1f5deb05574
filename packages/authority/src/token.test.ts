import { expect, test } from 'vitest';
import { readToken, writeToken, type JoinToken } from './token.ts';

const token: JoinToken = {
  urls: ['https://app-server-1:8100'],
  authority: 'a'.repeat(64),
  id: 'i'.repeat(22),
  secret: 's'.repeat(43),
  service: 'sdk-gateway',
  name: 'sdk-gateway-3',
  hosts: ['gateway3.example.com'],
};

test('a token is read as it was written, and not at all when a part is missing or changed in form', () => {
  const text = writeToken(token);
  expect(readToken(text)).toEqual(token);
  expect(readToken(text.slice(0, -5))).toBeUndefined();
  expect(readToken(text.slice(4))).toBeUndefined();
  expect(readToken(writeToken({ ...token, urls: ['http://app-server-1:8100'] }))).toBeUndefined();
  expect(readToken(writeToken({ ...token, name: '../etc/passwd' }))).toBeUndefined();
});
