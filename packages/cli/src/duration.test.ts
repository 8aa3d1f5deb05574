import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test.each([
  ['90', 90],
  ['90s', 90],
  ['15m', 900],
  ['12h', 43_200],
  ['7d', 604_800],
  [' 1h ', 3600],
  ['0', 0],
])('%j is %i seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each(['', 'm', '1.5h', '-1', '1h30m', '1 h', '1w', '1e3', '9999999999'])('%j is no time', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  [0, '0 s'],
  [59, '59 s'],
  [60, '1 min'],
  [3661, '1 h 1 min'],
  [604_800, '7 d'],
])('%i seconds are written %j', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});
