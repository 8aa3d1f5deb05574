import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { OtpAlgorithm } from './algorithm.ts';
import { nodeHmac } from './node-hmac.ts';
import {
  DEFAULT_WINDOW_STEPS,
  matchTotpStep,
  STRICT_WINDOW_STEPS,
  totpCode,
  type TotpParameters,
  totpStep,
} from './totp.ts';

interface AppendixB {
  digits: 8;
  periodSeconds: number;
  secretsAscii: Record<OtpAlgorithm, string>;
  vectors: { unixSeconds: number; utc: string; stepHex: string; algorithm: OtpAlgorithm; code: string }[];
}
const rfc6238 = JSON.parse(
  readFileSync(new URL('../../../tests/vectors/rfc6238-appendix-b.json', import.meta.url), 'utf8'),
) as AppendixB;

const params: TotpParameters = {
  secret: Buffer.from(rfc6238.secretsAscii.SHA1, 'ascii'),
  algorithm: 'SHA1',
  digits: 6,
  periodSeconds: 30,
};
const nowMs = 1_700_000_000_000;
const now = totpStep(nowMs, 30);
const atNow = { nowMs, windowSteps: DEFAULT_WINDOW_STEPS, driftSteps: 0 };

const anyParams = fc.record<TotpParameters>({
  secret: fc.uint8Array({ minLength: 16, maxLength: 64 }),
  algorithm: fc.constantFrom('SHA1', 'SHA256', 'SHA512'),
  digits: fc.constantFrom(6, 7, 8),
  periodSeconds: fc.constantFrom(30, 60),
});
const anyNowMs = fc.integer({ min: 1_000_000_000_000, max: 9_000_000_000_000 });
const anyWindow = fc.record({ past: fc.nat({ max: 10 }), future: fc.nat({ max: 10 }) });

afterEach(() => {
  vi.restoreAllMocks();
});

describe('RFC 6238 appendix B (OATH-20)', () => {
  test('the file holds the six times of the RFC for each algorithm', () => {
    expect(rfc6238.vectors).toHaveLength(18);
    expect(new Set(rfc6238.vectors.map(({ unixSeconds, algorithm }) => `${unixSeconds} ${algorithm}`)).size).toBe(18);
  });

  test.each(rfc6238.vectors)('$utc with $algorithm gives $code', ({ unixSeconds, stepHex, algorithm, code }) => {
    const { digits, periodSeconds } = rfc6238;
    const token = { secret: Buffer.from(rfc6238.secretsAscii[algorithm], 'ascii'), algorithm, digits, periodSeconds };
    const step = totpStep(unixSeconds * 1000, periodSeconds);
    expect(step).toBe(Number.parseInt(stepHex, 16));
    expect(totpCode(token, step)).toBe(code);
    const exactly = { nowMs: unixSeconds * 1000, windowSteps: { past: 0, future: 0 }, driftSteps: 0 };
    expect(matchTotpStep(token, code, exactly)).toBe(step);
  });
});

describe('totpStep (OATH-20)', () => {
  test.each([
    [0, 30, 0],
    [29_999, 30, 0],
    [30_000, 30, 1],
    [59_999.999, 60, 0],
    [60_000, 60, 1],
    // Later than 2038 and than 2^32 seconds; the step itself is wider than 32 bits too.
    [2 ** 33 * 1000, 1, 2 ** 33],
  ])('%d ms, %d s: step %d', (ms, periodSeconds, step) => {
    expect(totpStep(ms, periodSeconds)).toBe(step);
  });

  test.each([
    [-1, 30],
    [Number.NaN, 30],
    [Number.POSITIVE_INFINITY, 30],
    [0, 0],
    [0, -30],
    [0, 121],
    [0, 29.5],
    [0, Number.NaN],
  ])('%d ms, %d s is refused', (ms, periodSeconds) => {
    expect(() => totpStep(ms, periodSeconds)).toThrow(RangeError);
  });
});

describe('the window', () => {
  test.each([
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
  ])('OATH-21: by default the code of step %d is accepted: %s', (offset, accepted) => {
    const step = now + offset;
    expect(matchTotpStep(params, totpCode(params, step), atNow)).toBe(accepted ? step : undefined);
  });

  test.each([
    [-2, false],
    [-1, true],
    [0, true],
    [1, false],
  ])('OATH-26: in the strict profile the code of step %d is accepted: %s', (offset, accepted) => {
    const step = now + offset;
    const strict = { ...atNow, windowSteps: STRICT_WINDOW_STEPS };
    expect(matchTotpStep(params, totpCode(params, step), strict)).toBe(accepted ? step : undefined);
  });

  test('OATH-21, OATH-22: every window is exactly as wide as asked, around now + drift', () => {
    fc.assert(
      fc.property(
        anyParams,
        anyNowMs,
        anyWindow,
        fc.integer({ min: -20, max: 20 }),
        fc.integer({ min: -40, max: 40 }),
        (token, ms, windowSteps, driftSteps, offset) => {
          const nowStep = totpStep(ms, token.periodSeconds);
          const inside = offset >= driftSteps - windowSteps.past && offset <= driftSteps + windowSteps.future;
          const code = totpCode(token, nowStep + offset);
          // Some other step of so wide a window may have the same code by chance.
          const othersDiffer = Array.from({ length: 61 }, (_, index) => index - 30).every(
            (other) => other === offset || totpCode(token, nowStep + other) !== code,
          );
          fc.pre(othersDiffer);
          expect(matchTotpStep(token, code, { nowMs: ms, windowSteps, driftSteps })).toBe(
            inside ? nowStep + offset : undefined,
          );
        },
      ),
    );
  });

  test('OATH-21: the four edges of every window', () => {
    fc.assert(
      fc.property(
        anyParams,
        anyNowMs,
        anyWindow,
        fc.integer({ min: -20, max: 20 }),
        (token, ms, windowSteps, driftSteps) => {
          const centre = totpStep(ms, token.periodSeconds) + driftSteps;
          const oldest = centre - windowSteps.past;
          const newest = centre + windowSteps.future;
          const match = (step: number) =>
            matchTotpStep(token, totpCode(token, step), { nowMs: ms, windowSteps, driftSteps });
          const codes = Array.from({ length: newest - oldest + 3 }, (_, index) => totpCode(token, oldest - 1 + index));
          fc.pre(new Set(codes).size === codes.length);
          expect([oldest - 1, oldest, newest, newest + 1].map(match)).toEqual([undefined, oldest, newest, undefined]);
        },
      ),
    );
  });

  test('at the epoch there is no step before the first', () => {
    const epoch = { nowMs: 0, windowSteps: { past: 10, future: 1 }, driftSteps: 0 };
    expect(matchTotpStep(params, totpCode(params, 0), epoch)).toBe(0);
    expect(matchTotpStep(params, totpCode(params, 5), { ...epoch, driftSteps: -20 })).toBeUndefined();
  });

  test.each([
    [{ past: 11, future: 1 }],
    [{ past: 1, future: 11 }],
    [{ past: -1, future: 1 }],
    [{ past: 1, future: -1 }],
    [{ past: 0.5, future: 1 }],
    [{ past: Number.NaN, future: 1 }],
    [{ past: 1, future: Number.POSITIVE_INFINITY }],
  ])('OATH-21: the window %j is refused, also for a code of the wrong shape', (windowSteps) => {
    for (const code of ['123456', '']) {
      expect(() => matchTotpStep(params, code, { ...atNow, windowSteps })).toThrow(RangeError);
    }
  });

  test.each([0.5, Number.NaN, Number.POSITIVE_INFINITY])('a drift of %d is refused', (driftSteps) => {
    expect(() => matchTotpStep(params, '123456', { ...atNow, driftSteps })).toThrow(RangeError);
  });
});

describe('one code, one acceptance (OATH-23)', () => {
  // Found by search with the secret of the RFC: neighbouring steps that happen to share a code.
  test.each([
    { step: 57_766_335, apart: 1, code: '251166' },
    { step: 57_017_782, apart: 2, code: '882938' },
  ])('the newest of two steps $apart apart with the code $code is returned', ({ step, apart, code }) => {
    expect(totpCode(params, step)).toBe(code);
    expect(totpCode(params, step + apart)).toBe(code);
    const match = (at: number) =>
      matchTotpStep(params, code, { nowMs: at * 30_000, windowSteps: { past: 2, future: 2 }, driftSteps: 0 });
    // Whenever both are in the window, both are spent: what is returned leaves no later step for the same code.
    expect([step, step + 1, step + apart].map(match)).toEqual([step + apart, step + apart, step + apart]);
    expect(match(step - 2)).toBe(step);
  });
});

describe('constant work (OATH-08)', () => {
  const windowSteps = { past: 2, future: 3 };
  const codes = [-2, -1, 0, 1, 2, 3, 50].map((offset) => ({ offset, code: totpCode(params, now + offset) }));

  test.each(codes)('the code of step $offset costs as many HMACs as any other', ({ code }) => {
    const hmac = vi.spyOn(nodeHmac, 'hmac');
    matchTotpStep(params, code, { nowMs, windowSteps, driftSteps: 0 });
    expect(hmac).toHaveBeenCalledTimes(6);
  });

  test('R2: a code of the wrong shape costs none', () => {
    const hmac = vi.spyOn(nodeHmac, 'hmac');
    matchTotpStep(params, '12345', atNow);
    expect(hmac).not.toHaveBeenCalled();
  });
});

describe('hostile codes', () => {
  const right = totpCode(params, now);

  test.each([
    ['empty', ''],
    ['too short', right.slice(1)],
    ['too long', `${right}0`],
    ['with a space before', ` ${right.slice(1)}`],
    ['with a line feed after', `${right}\n`],
    ['with a line feed instead of the last digit', `${right.slice(0, 5)}\n`],
    ['with a NUL', `${right.slice(0, 5)}\0`],
    ['signed', `+${right.slice(1)}`],
    ['exponent', '1e5000'],
    ['hexadecimal', '0x1234'],
    ['full-width digits', Array.from(right, (digit) => String.fromCodePoint(0xff10 + Number(digit))).join('')],
    // Their low bytes are the right digits: a comparison of bytes alone would take them.
    [
      'digits in the low byte of other characters',
      Array.from(right, (digit) => String.fromCodePoint(0x100 + digit.charCodeAt(0))).join(''),
    ],
    ['one such character at the end', right.slice(0, 5) + String.fromCodePoint(0x100 + right.charCodeAt(5))],
    ['lone surrogates', '\uD800\uDFFF\uD800\uD800\uDC00\uDBFF'],
    ['a megabyte', '0'.repeat(1_048_576)],
  ])('%s: undefined, no exception', (_, code) => {
    expect(matchTotpStep(params, code, atNow)).toBeUndefined();
  });

  test('no string throws, and only a code of the window matches', () => {
    const valid = new Set([-1, 0, 1].map((offset) => totpCode(params, now + offset)));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string({
            unit: fc.integer({ min: 0, max: 0xff_ff }).map((unit) => String.fromCharCode(unit)),
            maxLength: 8,
          }),
          fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), minLength: 5, maxLength: 7 }),
          fc.constantFrom(...valid),
        ),
        (code) => {
          expect(matchTotpStep(params, code, atNow) !== undefined).toBe(valid.has(code));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
