import { delimiter, join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Workspace packages are tested as they are written: the door `source` of each package.json leads to src/, not to dist/.
const conditions = ['source', 'module', 'node', 'development|production'];
const resolve = { conditions };
const ssr = { resolve: { conditions, externalConditions: ['source', 'node'] } };
/** What npm test fetches where the machine has none, or one that is too old. */
const programs = join(import.meta.dirname, '.countersign', 'tools', 'bin');
const everywhere = ['**/node_modules/**', '**/dist/**', '.countersign/**'];

export default defineConfig({
  test: {
    pool: 'forks',
    // What most files start, an engine or a whole stack, needs the rest of a machine with two cores. It waits more than it works.
    maxWorkers: 2,
    passWithNoTests: false,
    env: { PATH: [programs, process.env['PATH']].join(delimiter) },
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          include: [
            'services/**/*.test.ts',
            'packages/**/*.test.ts',
            'infra/**/*.test.ts',
            'tests/bench/**/*.test.ts',
            'tests/chaos/**/*.test.ts',
            'tests/fuzz/**/*.test.ts',
          ],
          exclude: [...everywhere, '**/*.int.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'integration',
          include: ['services/**/*.int.test.ts', 'packages/**/*.int.test.ts', 'infra/**/*.int.test.ts'],
          exclude: everywhere,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'e2e',
          include: ['tests/{authenticator,e2e,failover,races,radius,repo,upgrade}/**/*.test.ts'],
          exclude: everywhere,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // What is waited for comes; on a busy machine late.
          expect: { poll: { timeout: 15_000 } },
        },
      },
    ],
  },
});
