import { DEFAULT_POLICY, type PolicyDocument } from '@countersign/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effectivePolicy, explainPolicy } from './effective.ts';

const layers = (...documents: PolicyDocument[]) =>
  documents.map((document, index) => ({ origin: ['global v3', 'application v1'][index]!, document }));

describe('the policy in force', () => {
  test('without documents is the default', () => {
    expect(effectivePolicy([])).toEqual(DEFAULT_POLICY);
  });

  test('takes each value from the narrowest scope that sets it', () => {
    const policy = effectivePolicy(
      layers({ code: { digits: 8, lifeSeconds: 120 }, totp: { issuer: 'House' } }, { code: { digits: 7 } }),
    );
    expect(policy.code).toEqual({ digits: 7, lifeSeconds: 120, originHost: null });
    expect(policy.totp).toEqual({ ...DEFAULT_POLICY.totp, issuer: 'House' });
    expect(policy.attempts).toEqual(DEFAULT_POLICY.attempts);
  });

  test('replaces a list as a whole, and joins texts by language', () => {
    const policy = effectivePolicy(
      layers(
        { methods: { order: ['totp', 'sms'] }, texts: { en: { sms: 'A {{code}}' }, ru: { sms: 'Б {{code}}' } } },
        { methods: { order: ['sms'] }, texts: { en: { sms: 'C {{code}}' } } },
      ),
    );
    expect(policy.methods.order).toEqual(['sms']);
    expect(policy.texts).toEqual({ en: { sms: 'C {{code}}' }, ru: { sms: 'Б {{code}}' } });
  });

  test('can set back to null what a wider scope has set', () => {
    const policy = effectivePolicy(layers({ code: { originHost: 'example.com' } }, { code: { originHost: null } }));
    expect(policy.code.originHost).toBeNull();
  });

  test('leaves the defaults alone', () => {
    const before = structuredClone(DEFAULT_POLICY);
    effectivePolicy(layers({ code: { digits: 10 }, texts: { de: { sms: '{{code}}' } } }));
    expect(DEFAULT_POLICY).toEqual(before);
  });
});

describe('its explanation', () => {
  test('names the origin of every value', () => {
    const values = explainPolicy(layers({ code: { digits: 8, lifeSeconds: 120 } }, { code: { digits: 7 } }));
    const originOf = (path: string) => values.find((value) => value.path === path);
    expect(originOf('code.digits')).toEqual({ path: 'code.digits', value: 7, origin: 'application v1' });
    expect(originOf('code.lifeSeconds')).toEqual({ path: 'code.lifeSeconds', value: 120, origin: 'global v3' });
    expect(originOf('totp.issuer')).toEqual({ path: 'totp.issuer', value: 'Countersign', origin: 'default' });
    expect(originOf('attempts.anywhere.burst')?.origin).toBe('default');
  });

  test('holds exactly the values in force, whatever the documents say', () => {
    const document = fc.record(
      {
        code: fc.record(
          { digits: fc.integer({ min: 6, max: 10 }), lifeSeconds: fc.integer({ min: 30, max: 600 }) },
          { requiredKeys: [] },
        ),
        challenge: fc.record({ lifeSeconds: fc.integer({ min: 30, max: 600 }) }, { requiredKeys: [] }),
        methods: fc.record(
          { order: fc.shuffledSubarray(['totp', 'sms'] as const, { minLength: 1 }) },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(document, document, (global, application) => {
        const both = layers(global, application);
        const policy = effectivePolicy(both);
        for (const { path, value } of explainPolicy(both)) {
          const there = path
            .split('.')
            .reduce<unknown>((here, name) => (here as Record<string, unknown>)[name], policy);
          expect(value).toEqual(there);
        }
      }),
    );
  });
});
