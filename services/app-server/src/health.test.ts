import { expect, test } from 'vitest';
import { isFit, ownChecks } from './health.ts';

type Parts = Parameters<typeof ownChecks>[0];

const fails = () => {
  throw new Error('as it is not');
};
const well = {
  bus: { connected: true },
  parts: [{ continuity: { isProven: () => false } }, { continuity: { isProven: () => true } }],
  router: { nodes: () => [{ reachable: false }, { reachable: true }] },
  ringWatch: { assertOpens: () => undefined },
  clock: { assertRight: () => undefined },
  settled: { assertFits: () => undefined },
};
const look = (change: Partial<Record<keyof typeof well, unknown>>) => {
  const checks = ownChecks({ ...well, ...change } as unknown as Parts);
  const failing = checks.filter(({ check }) => {
    try {
      check();
      return false;
    } catch {
      return true;
    }
  });
  return { failing: failing.map(({ name }) => name), fit: isFit(checks) };
};

test('a replica to which nothing is wrong is ready and takes work, also while one stream or one node is away', () => {
  expect(look({})).toEqual({ failing: [], fit: true });
});

test.each<[name: string, change: Parameters<typeof look>[0], takesWork: boolean]>([
  ['clock', { clock: { assertRight: fails } }, false],
  ['release', { settled: { assertFits: fails } }, false],
  ['ledger', { parts: [{ continuity: { isProven: () => false } }] }, false],
  ['keys', { ringWatch: { assertOpens: fails } }, false],
  ['nats', { bus: { connected: false } }, true],
  ['postgres', { router: { nodes: () => [{ reachable: false }] } }, true],
])('%s alone takes it out of readiness, and what others can do out of its hands', (name, change, takesWork) => {
  expect(look(change)).toEqual({ failing: [name], fit: takesWork });
});
