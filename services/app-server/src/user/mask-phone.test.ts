import { expect, test } from 'vitest';
import { maskPhone } from './mask-phone.ts';

test.each([
  ['+37120000012', '+371 ••• ••12'],
  ['+12025550143', '+1 ••• ••43'],
  ['+79161234567', '+7 ••• ••67'],
  ['+442079460958', '+44 ••• ••58'],
  ['+35312345678', '+353 ••• ••78'],
])('%s is shown as %s', (phone, masked) => {
  expect(maskPhone(phone)).toBe(masked);
});
