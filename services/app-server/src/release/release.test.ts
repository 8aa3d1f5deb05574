import { expect, test } from 'vitest';
import { assertFits, WrongRelease } from './release.ts';

test.each([
  ['on its own release', 7, 7],
  ['during the upgrade to it', 6, 7],
])('a build runs %s', (_when, settled, own) => {
  expect(() => assertFits(settled, own)).not.toThrow();
});

test.each([
  ['older than what was finalized', 8, 7, 'Start the version that the other app-servers run'],
  ['that leaves a release out', 5, 7, 'start release 6 everywhere, run countersign cluster finalize'],
])('a build %s is refused, with what to run instead', (_what, settled, own, advice) => {
  expect(() => assertFits(settled, own)).toThrow(WrongRelease);
  expect(() => assertFits(settled, own)).toThrow(advice);
});
