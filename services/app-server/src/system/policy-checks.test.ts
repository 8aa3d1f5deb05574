import { DEFAULT_POLICY, type PolicyDocument } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { checkPolicies, yearlyGuessChance } from './policy-checks.ts';

const APPLICATION = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';

function levels(global: PolicyDocument, application: PolicyDocument | undefined, carriers: string[]): string[] {
  const layers = (applicationId: string | undefined) => [
    { origin: 'global v1', document: global },
    ...(applicationId === undefined || application === undefined
      ? []
      : [{ origin: 'application v1', document: application }]),
  ];
  const scopes = application === undefined ? ['global'] : ['global', APPLICATION];
  return checkPolicies({ layers }, scopes, carriers).map(({ name, level }) => `${name} ${level}`);
}

test('the defaults are sane when there is a carrier', () => {
  expect(levels({}, undefined, ['inbox'])).toEqual(['policy ok']);
});

test.each<[string, PolicyDocument, string[], string[]]>([
  ['sms without a carrier', {}, [], ['policy.global warn']],
  ['only sms, without a carrier', { methods: { order: ['sms'] } }, [], ['policy.global fail']],
  ['no sms, no carrier', { methods: { order: ['totp'] } }, [], ['policy ok']],
  ['a carrier that is not there', { messages: { carriers: ['a', 'b'] } }, ['a'], ['policy.global warn']],
  ['only carriers that are not there', { messages: { carriers: ['b'] } }, ['a'], ['policy.global fail']],
  ['a PIN', { pin: { methods: ['sms'] } }, ['a'], ['policy.global warn']],
  ['rules of a PIN that nobody asks for', { pin: { minLength: 4, allowWeak: true } }, ['a'], ['policy ok']],
  ['telling who exists', { users: { unknown: 'refuse' } }, ['a'], ['policy.global warn']],
  [
    'R4: a bucket that refills too soon',
    { attempts: { anywhere: { burst: 20, refillSeconds: 3600 } } },
    ['a'],
    ['policy.global fail'],
  ],
  ['R4: a wide window', { totp: { pastSteps: 10, futureSteps: 10 } }, ['a'], ['policy.global fail']],
])('%s', (_, document, carriers, expected) => {
  expect(levels(document, undefined, carriers)).toEqual(expected);
});

test('the policy of an application is looked at as it is in force, and named', () => {
  expect(levels({}, { users: { unknown: 'refuse' } }, ['a'])).toEqual([`policy.${APPLICATION} warn`]);
  expect(levels({ users: { unknown: 'refuse' } }, { users: { unknown: 'decoy' } }, ['a'])).toEqual([
    'policy.global warn',
  ]);
});

test('R4: the sum for the defaults is the one that the budget was made for', () => {
  expect(yearlyGuessChance(DEFAULT_POLICY)).toBeGreaterThan(0.008);
  expect(yearlyGuessChance(DEFAULT_POLICY)).toBeLessThan(0.01);
});
