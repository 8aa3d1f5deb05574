import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onStop } from './on-stop.ts';

test('whoever still waits is told, with one listener for all of them', () => {
  const stopping = new AbortController();
  const told: string[] = [];
  const first = onStop(stopping.signal, () => told.push('first'));
  onStop(stopping.signal, () => told.push('second'));
  expect(getEventListeners(stopping.signal, 'abort')).toHaveLength(1);
  first[Symbol.dispose]();
  stopping.abort();
  expect(told).toEqual(['second']);
});
