import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { checkBoundaries } from './boundaries.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A tiny checkout in which every package of npm that the rules name is there to be imported. */
function checkout(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'boundaries-'));
  folders.push(root);
  const npm = ['otplib', 'pg', 'kysely', '@nats-io/nats-core'];
  const all = {
    'package.json': JSON.stringify({ name: 'x', dependencies: Object.fromEntries(npm.map((name) => [name, '1'])) }),
    ...Object.fromEntries(npm.map((name) => [`node_modules/${name}/package.json`, `{"name":"${name}","main":"i.js"}`])),
    ...Object.fromEntries(npm.map((name) => [`node_modules/${name}/i.js`, 'exports.x = 1;'])),
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** Every import that is not allowed, in a file of its own, and what it leads to. */
const FORBIDDEN: readonly (readonly [rule: string, from: string, specifier: string, target: string | undefined])[] = [
  ['services-apart', 'services/a/src/x1.ts', '../../b/src/y.ts', 'services/b/src/y.ts'],
  ['packages-below-services', 'packages/p/src/x2.ts', '../../../services/b/src/y.ts', 'services/b/src/y.ts'],
  ['contracts-at-the-bottom', 'packages/contracts/src/x3.ts', '../../bus/src/index.ts', 'packages/bus/src/index.ts'],
  [
    'product-without-testkit',
    'services/a/src/x4.ts',
    '../../../packages/testkit/src/index.ts',
    'packages/testkit/src/index.ts',
  ],
  ['product-without-testkit', 'services/a/src/x5.ts', '../../../infra/dev/y.ts', 'infra/dev/y.ts'],
  ['product-without-testkit', 'services/a/src/x6.ts', './testing/y.ts', 'services/a/src/testing/y.ts'],
  ['only-app-server-knows-postgres', 'services/sdk-gateway/src/x7.ts', 'pg', undefined],
  ['only-app-server-knows-postgres', 'packages/bus/src/x8.ts', 'kysely', undefined],
  ['only-bus-and-ledgers-know-nats', 'services/sdk-gateway/src/x9.ts', '@nats-io/nats-core', undefined],
  ['only-bus-and-ledgers-know-nats', 'services/app-server/src/user/x10.ts', '@nats-io/nats-core', undefined],
  ['only-otp-knows-otplib', 'services/app-server/src/x11.ts', 'otplib', undefined],
  ['one-door-per-package', 'services/a/src/x12.ts', '../../../packages/bus/src/inner.ts', 'packages/bus/src/inner.ts'],
  ['resolvable', 'services/a/src/x13.ts', './gone.ts', undefined],
  ['declared', 'services/a/src/x14.ts', 'undeclared', 'node_modules/undeclared/index.js'],
];

test('each import that is not allowed is named, with its rule and file', async () => {
  const files = FORBIDDEN.flatMap(([, from, specifier, target]) => [
    [from, `import type { y } from '${specifier}';\nexport type X = typeof y;\n`] as const,
    ...(target === undefined ? [] : [[target, 'export const y = 1;\n'] as const]),
  ]);
  const report = await checkBoundaries(checkout(Object.fromEntries(files)));
  const found = report.violations.map(({ rule, from }) => `${rule}: ${from}`);
  expect(found.toSorted()).toEqual(FORBIDDEN.map(([rule, from]) => `${rule}: ${from}`).toSorted());
  expect(report.missed).toEqual([]);
});

test('no-cycles: two files that need each other', async () => {
  const root = checkout({
    'packages/p/src/a.ts': `import { b } from './b.ts';\nexport const a = () => b;\n`,
    'packages/p/src/b.ts': `import { a } from './a.ts';\nexport const b = () => a;\n`,
  });
  expect((await checkBoundaries(root)).violations.map(({ rule }) => rule)).toContain('no-cycles');
});

test('what is allowed passes, and a file with `using` is read as well', async () => {
  const root = checkout({
    'packages/otp/src/x.ts': `import 'otplib';\nexport const x = 1;\n`,
    'packages/bus/src/index.ts': `import '@nats-io/nats-core';\nexport const y = 1;\n`,
    'services/app-server/src/ledger/l.ts': `import '@nats-io/nats-core';\nimport 'pg';\nexport const y = 1;\n`,
    'services/a/src/x.ts': `import { y } from '../../../packages/bus/src/index.ts';\nexport function f(open: () => Disposable) {\n  using z = open();\n  return [y, z];\n}\n`,
    'services/a/src/x.test.ts': `import 'pg';\nimport '@nats-io/nats-core';\n`,
  });
  const report = await checkBoundaries(root);
  expect(report.violations).toEqual([]);
  expect(report.seen).toHaveLength(5);
});

test('a checkout without files is no success', async () => {
  expect(await checkBoundaries(checkout({}))).toEqual({ seen: [], missed: [], violations: [] });
});
