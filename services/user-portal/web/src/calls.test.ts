import { expect, test } from 'vitest';
import { CALLS } from '../../src/api.ts';
import { PATHS } from './calls.ts';

test('the pages ask where the portal answers', () => {
  expect(PATHS).toEqual(Object.fromEntries(Object.entries(CALLS).map(([name, { path }]) => [name, path])));
});
