import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accentOf, contrast } from './accent.ts';

const rgbOf = (colour: string) =>
  [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as [number, number, number];

test.each(['light', 'dark'] as const)(
  'whatever the colour, it can be read on a %s page, and so can what stands on it',
  (theme) => {
    const page: [number, number, number] = theme === 'light' ? [255, 255, 255] : [29, 33, 39];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffff }), (number) => {
        const { accent, onAccent } = accentOf(`#${number.toString(16).padStart(6, '0')}`, theme);
        expect(contrast(rgbOf(accent), page)).toBeGreaterThanOrEqual(4.4);
        expect(contrast(rgbOf(accent), rgbOf(onAccent))).toBeGreaterThanOrEqual(4.5);
      }),
    );
  },
);

test('a colour that can be read stays as it is', () => {
  expect(accentOf('#1f5fbf', 'light').accent).toBe('#1f5fbf');
});
