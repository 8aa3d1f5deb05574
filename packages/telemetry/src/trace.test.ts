import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { childSpan, continueTrace, formatTraceparent, newTrace, parseTraceparent } from './trace.ts';

const example = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('the example of the standard is read', () => {
  expect(parseTraceparent(example)).toEqual({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    sampled: true,
  });
});

test.each([
  ['nothing', undefined],
  ['empty', ''],
  ['upper case', example.toUpperCase()],
  ['forbidden version', `ff${example.slice(2)}`],
  ['version 00 with more fields', `${example}-01`],
  ['zero trace id', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
  ['zero span id', `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`],
  ['short', example.slice(0, -1)],
  ['a line break', `${example}\nx`],
])('%s is not a traceparent', (_, text) => expect(parseTraceparent(text)).toBeUndefined());

test('a later version with more fields is read as far as we know it', () => {
  expect(parseTraceparent(`01${example.slice(2)}-what-the-future-holds`)?.spanId).toBe('b7ad6b7169203331');
});

test('what is written is read back', () => {
  const id = (bytes: number) =>
    fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString('hex'));
  fc.assert(
    fc.property(id(16), id(8), fc.boolean(), (traceId, spanId, sampled) => {
      fc.pre(!/^0+$/.test(traceId) && !/^0+$/.test(spanId));
      expect(parseTraceparent(formatTraceparent({ traceId, spanId, sampled }))).toEqual({ traceId, spanId, sampled });
    }),
  );
});

test('a child keeps the trace and changes the span', () => {
  const parent = newTrace(randomBytes);
  const child = childSpan(parent, randomBytes);
  expect(child.traceId).toBe(parent.traceId);
  expect(child.spanId).not.toBe(parent.spanId);
  expect(continueTrace(formatTraceparent(parent), randomBytes).traceId).toBe(parent.traceId);
  expect(continueTrace('garbage', randomBytes).traceId).not.toBe(parent.traceId);
});

test('random bytes that are all zero still give a valid trace', () => {
  const trace = newTrace((size) => Buffer.alloc(size));
  expect(parseTraceparent(formatTraceparent(trace))).toEqual(trace);
});
