import { describe, expect, test } from 'vitest';
import { countryOf, refuseDestination } from './destination.ts';

describe('TEL-41: numbers that are never sent to', () => {
  test.each([
    ['+9790000000', 'international premium'],
    ['+881612345678', 'satellite'],
    ['+88213300655', 'international networks'],
    ['+870773111632', 'satellite'],
    ['+80012345678', 'international freephone'],
    ['+19005551234', 'US premium'],
    ['+37190000000', 'Latvian premium'],
    ['+448712345678', 'UK special rate'],
    ['+447012345678', 'UK personal number'],
  ])('%s (%s)', (phone) => {
    expect(refuseDestination(phone, [])).toBe('destination_special');
    expect(refuseDestination(phone, [phone.slice(0, 4)])).toBe('destination_special');
  });

  test.each(['+37120000012', '+79161234567', '+18765551234', '+8801712345678', '+886912345678', '+15551234567'])(
    '%s is sent to',
    (phone) => expect(refuseDestination(phone, [])).toBeUndefined(),
  );

  test('only the prefixes of the policy, when it names any', () => {
    expect(refuseDestination('+37120000012', ['+371', '+372'])).toBeUndefined();
    expect(refuseDestination('+4915112345678', ['+371', '+372'])).toBe('destination_not_allowed');
  });

  test.each([
    ['+37120000012', '371-LV'],
    ['+18765551234', '1-JM'],
    ['+12125551234', '1-US'],
    ['+79161234567', '7-RU'],
    ['+77011234567', '7-KZ'],
    ['+15551234567', '1'],
    ['+42', 'unknown'],
  ])('TEL-42: %s spends from the budget of %s', (phone, country) => expect(countryOf(phone)).toBe(country));
});
