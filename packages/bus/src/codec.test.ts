import { ERRORS, MfaError, type ErrorCode } from '@countersign/contracts';
import { headers as natsHeaders } from '@nats-io/nats-core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeAnswer, decodeHead, encodeError, encodeHead, encodeOutput, isIdempotencyKey } from './codec.ts';
import { credentialFromApiKey, readCredential, writeCredential } from './credential.ts';

const visible = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 128,
});
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: length, maxLength: length });
const word = (min: number, max: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from('ABCXYZabcxyz0189')), minLength: min, maxLength: max });
const credential = fc.oneof(
  fc.record({ type: fc.constant('apiKey' as const), keyId: word(1, 64), digest: word(43, 43) }),
  fc.record({ type: fc.constant('certificate' as const), fingerprint: hex(64) }),
);

test('what is written in headers is read back', () => {
  const head = fc.record(
    {
      attemptId: visible,
      deadline: fc.integer({ min: 0, max: 9_999_999_999_999 }),
      remainingMs: fc.integer({ min: 0, max: 999_999 }),
      traceparent: visible,
      credential,
      idempotencyKey: visible,
    },
    { requiredKeys: ['attemptId', 'deadline', 'remainingMs', 'traceparent'] },
  );
  fc.assert(
    fc.property(head, (value) => {
      expect(decodeHead(encodeHead(value))).toEqual(value);
    }),
  );
});

test('any header values at all are read or refused, never anything else', () => {
  const names = ['Countersign-Attempt', 'Countersign-Deadline', 'Countersign-Remaining', 'Countersign-Credential'];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...names), fc.string())), (pairs) => {
      const headers = natsHeaders();
      for (const [name, value] of pairs) if (!/[\r\n]/.test(value)) headers.append(name, value);
      try {
        const head = decodeHead(headers);
        expect(Number.isSafeInteger(head.deadline)).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: 'REQUEST_INVALID' });
      }
    }),
  );
});

test('a header given twice is not read', () => {
  const headers = encodeHead({ attemptId: 'a', deadline: 1, remainingMs: 1, traceparent: 't' });
  headers.append('Countersign-Attempt', 'b');
  expect(() => decodeHead(headers)).toThrow(MfaError);
});

test('an output comes through as JSON has it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (output) => {
      const plain: unknown = JSON.parse(JSON.stringify(output));
      expect(decodeAnswer(encodeOutput('app-1', output))).toEqual({ replica: 'app-1', output: plain });
    }),
  );
});

test('an error comes through whole, except for what is for logs only', () => {
  const code = fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[]));
  const options = fc.record(
    {
      detail: fc.string(),
      retryAfterSeconds: fc.nat(),
      invalid: fc.array(fc.record({ pointer: fc.string(), message: fc.string() })),
      reason: fc.string(),
      cause: fc.string(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(code, options, (name, given) => {
      const answer = decodeAnswer(encodeError('app-1', new MfaError(name, given)));
      if (!('error' in answer)) throw new Error('not an error');
      const { detail, retryAfterSeconds, invalid } = given;
      expect(answer.error).toMatchObject({ code: name, detail, retryAfterSeconds, invalid });
      expect(answer.error.reason).toBeUndefined();
      expect(answer.error.cause).toBeUndefined();
    }),
  );
});

test('R6: no text whatsoever that we did not write decodes to an output', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const answer = decodeAnswer(text);
      if ('output' in answer) expect(JSON.parse(text)).toHaveProperty('replica');
      else expect(answer).toSatisfy((other: object) => 'error' in other || 'working' in other);
    }),
  );
});

test('an answer that says both is an error', () => {
  expect(decodeAnswer('{"replica":"r","output":{},"error":{"code":"CODE_REJECTED"}}')).toHaveProperty('error');
});

test('an exception leaves nothing but INTERNAL', () => {
  expect(JSON.parse(encodeError('r', new Error('password is hunter2')))).toEqual({
    replica: 'r',
    error: { code: 'INTERNAL' },
  });
});

describe('credentials', () => {
  test('what is written is read back, and nothing else is read', () => {
    fc.assert(
      fc.property(credential, (value) => {
        expect(readCredential(writeCredential(value))).toEqual(value);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = readCredential(text);
        if (read !== undefined) expect(writeCredential(read)).toBe(text);
      }),
    );
  });

  test('an API key becomes its id and the SHA-256 of its secret', () => {
    expect(credentialFromApiKey('csk_demo1_AAAAAAAAAAAAAAAA_-x')).toEqual({
      type: 'apiKey',
      keyId: 'demo1',
      digest: 'eczNKAgVojXRofru0KqdVVpdfzXdyX4VpJWVG9K2hJs',
    });
  });

  test.each([
    '',
    'csk_',
    'csk_a_',
    'csk__AAAAAAAAAAAAAAAA',
    'csk_a_short',
    'CSK_a_AAAAAAAAAAAAAAAA',
    ' csk_a_AAAAAAAAAAAAAAAA',
    'csk_a_AAAAAAAAAAAAAAAA\n',
    `csk_a_${'A'.repeat(257)}`,
    'csk_ä_AAAAAAAAAAAAAAAA',
  ])('%j is no API key', (text) => {
    expect(credentialFromApiKey(text)).toBeUndefined();
  });
});

test.each([
  ['a', true],
  ['!~', true],
  ['x'.repeat(128), true],
  ['', false],
  ['x'.repeat(129), false],
  ['a b', false],
  ['a\u0000', false],
  ['ä', false],
  ['a\n', false],
])('Idempotency-Key %j: %s', (key, good) => expect(isIdempotencyKey(key)).toBe(good));
