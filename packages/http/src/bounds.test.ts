import { expect, test } from 'vitest';
import { addressSet, clientOf, plainAddress } from './address.ts';
import { parseQuery } from './query.ts';
import { createSlots } from './slots.ts';

test('R26: slots are bounded, and free again when given back, once', () => {
  const slots = createSlots({ limit: 2 });
  const give = slots.take();
  slots.take();
  expect(() => slots.take()).toThrow(expect.objectContaining({ code: 'UNAVAILABLE', retryAfterSeconds: 1 }));
  give();
  give();
  expect(slots.taken).toBe(1);
  slots.take();
  expect(() => slots.take()).toThrow('could not be decided in time');
});

test('R29: one client has its share and no more, others still get in', () => {
  const slots = createSlots({ limit: 8, share: 0.25 });
  const first = slots.take('a');
  slots.take('a');
  expect(() => slots.take('a')).toThrow(expect.objectContaining({ code: 'TRY_LATER', retryAfterSeconds: 1 }));
  slots.take('b');
  first();
  slots.take('a');
  expect(slots.taken).toBe(3);
});

test('R26: when new work has taken every place, of all or of its client, what is urgent still gets in', () => {
  const refused: string[] = [];
  const slots = createSlots({
    limit: 8,
    share: 0.5,
    whenShareTaken: 'UNAVAILABLE',
    onRefused: (reason) => refused.push(reason),
  });
  for (let n = 0; n < 4; n++) slots.take('flood');
  expect(() => slots.take('flood')).toThrow(expect.objectContaining({ code: 'UNAVAILABLE', retryAfterSeconds: 1 }));
  slots.take('flood', { urgent: true });
  expect(() => slots.take('flood', { urgent: true })).toThrow('could not be decided in time');
  for (let n = 0; n < 3; n++) slots.take('b');
  expect(() => slots.take('c')).toThrow('could not be decided in time');
  slots.take('c', { urgent: true });
  slots.take('c', { urgent: true });
  expect(() => slots.take('d', { urgent: true })).toThrow('could not be decided in time');
  expect(refused).toEqual(['share taken', 'share taken', 'all taken', 'all taken']);
});

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('R29: %s counts as %s', (address, client) => expect(clientOf(address)).toBe(client));

test('sets of addresses hold addresses and networks of both families', () => {
  const set = addressSet(['10.0.0.0/8', '::1', '2001:db8::/32']);
  expect(['10.1.2.3', '::ffff:10.1.2.3', '::1', '2001:db8::5'].every((address) => set.has(address))).toBe(true);
  expect(['11.0.0.1', '::2', '2001:db9::1', '', 'localhost', '10.0.0.1.evil'].some((one) => set.has(one))).toBe(false);
  expect(plainAddress('::FFFF:192.0.2.1')).toBe('192.0.2.1');
  for (const wrong of ['10.0.0.0/33', 'localhost', '', '10.0.0.1/x'])
    expect(() => addressSet([wrong])).toThrow(RangeError);
});

test.each([
  ['/x', {}],
  ['/x?', {}],
  ['/x?a=1&b=', { a: '1', b: '' }],
  ['/x?a=b%20c+d&e', { a: 'b c d', e: '' }],
  ['/x?a=%C3%A4=1', { a: 'ä=1' }],
  ['/x?__proto__=1', Object.fromEntries([['__proto__', '1']])],
])('query of %s', (url, expected) => expect(Object.entries(parseQuery(url))).toEqual(Object.entries(expected)));

test.each(['/x?a=%', '/x?a=%ff', '/x?a=%ED%A0%80', '/x?a=%00', '/x?a=1&a=2', '/x?a=1&%61=2', `/x?${'a&'.repeat(40)}`])(
  'refused: query of %s',
  (url) => expect(() => parseQuery(url)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' })),
);
