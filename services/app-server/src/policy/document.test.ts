import { DEFAULT_POLICY, MfaError } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { parsePolicyDocument } from './document.ts';

test.each([
  ['nothing', {}],
  ['one value', { code: { digits: 8 } }],
  ['no origin-bound line', { code: { originHost: null } }],
  ['texts in two languages', { texts: { en: { sms: 'Code {{code}}' }, 'pt-BR': { sms: '{{code}}' } } }],
  ['every value there is', DEFAULT_POLICY],
])('a document with %s is taken as it is', (_, document) => {
  expect(parsePolicyDocument(document)).toEqual(document);
});

const refused: [string, unknown, string][] = [
  ['no object', 'digits: 8', '/document'],
  ['a list', [], '/document'],
  ['nothing at all', null, '/document'],
  ['an unknown section', { codes: {} }, '/document'],
  ['an unknown value', { code: { digit: 8 } }, '/document/code'],
  ['a section of the wrong type', { code: 8 }, '/document/code'],
  ['a text for a number', { code: { digits: '8' } }, '/document/code/digits'],
  ['a fraction', { code: { digits: 6.5 } }, '/document/code/digits'],
  ['too few digits', { code: { digits: 5 } }, '/document/code/digits'],
  ['AAL-11: a code that lives longer than 10 minutes', { code: { lifeSeconds: 601 } }, '/document/code/lifeSeconds'],
  ['no method at all', { methods: { order: [] } }, '/document/methods/order'],
  ['a method twice', { methods: { order: ['sms', 'sms'] } }, '/document/methods/order'],
  ['an unknown method', { methods: { order: ['fax'] } }, '/document/methods/order/0'],
  ['a wide window', { totp: { pastSteps: 11 } }, '/document/totp/pastSteps'],
  ['a text without the code', { texts: { en: { sms: 'Your code' } } }, '/document/texts/en/sms'],
  ['a drift without a step ahead', { totp: { futureSteps: 0 } }, '/document/totp/maxDriftSteps'],
  ['a host with a path', { code: { originHost: 'example.com/x' } }, '/document/code/originHost'],
  ['a prototype', JSON.parse('{"__proto__": {"digits": 6}}'), '/document'],
];
test.each(refused)('a document with %s is refused, naming the place', (_, document, pointer) => {
  let error: unknown;
  try {
    parsePolicyDocument(document);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(MfaError);
  const { code, invalid } = error as MfaError;
  expect(code).toBe('REQUEST_INVALID');
  expect(invalid?.map((field) => field.pointer)).toContain(pointer);
});
