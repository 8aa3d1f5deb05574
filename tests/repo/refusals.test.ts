import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { read, trackedFiles } from './tracked-files.ts';

const PAGE = 'docs/operations/refusals.md';

interface Row {
  sentence: string;
  file: string;
}

const product = trackedFiles(/^(services|packages)\/.*\.ts$/).filter((path) => !path.endsWith('.test.ts'));

/** The last two cells of each row: what is said, and by which file. */
function rows(page = read(PAGE)): Row[] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .flatMap((line) => {
      const cells = line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, '').trim());
      const [, target] = /\]\(([^)]+\.ts)\)/.exec(cells.at(-1) ?? '') ?? [];
      return target === undefined
        ? []
        : [{ sentence: cells.at(-2) ?? '', file: normalize(join(dirname(PAGE), target)) }];
    });
}

/** Source with texts joined and what is filled in as `…`, in the way the page writes it. */
function asWritten(path: string): string {
  let text = read(path).replaceAll(/['`]\s*\+\s*['`]/g, '');
  for (let before = ''; before !== text;) {
    before = text;
    text = text.replaceAll(/\$\{[^{}]*\}/g, '…');
  }
  return text.replaceAll(/…+/g, '…');
}

test('each sentence of docs/operations/refusals.md is one that the code says', () => {
  expect(rows().length, 'no row was read: mend this test').toBeGreaterThan(20);
  const unsaid = rows().filter(({ sentence, file }) => !asWritten(file).includes(sentence));
  expect(
    unsaid.map(({ sentence, file }) => `${file}: ${sentence}`),
    'bring the page and the code in step',
  ).toEqual([]);
});

/** Those that stand for a refusal, and what extends them. */
function refusals(): string[] {
  const found = ['StartRefused', 'BusRefused'];
  const classes = product.flatMap((file) => [...read(file).matchAll(/\bclass (\w+) extends (\w+)/g)]);
  // Grows while it is gone through.
  for (const base of found) {
    found.push(...classes.filter(([, , parent]) => parent === base).map(([, name = '']) => name));
  }
  return found;
}

test('everything that refuses to start is on the page', () => {
  expect(refusals(), 'nothing extends a refusal: mend this test').toEqual(
    expect.arrayContaining(['WrongRelease', 'WrongLayout', 'StreamUnavailable']),
  );
  const made = new RegExp(`new (?:${refusals().join('|')})\\(`, 'g');
  const refusing = product.flatMap((file) => {
    const count = [...read(file).matchAll(made)].length;
    return count === 0 ? [] : [{ file, count }];
  });
  expect(refusing.length, 'nothing refuses: mend this test').toBeGreaterThan(5);
  const listed = rows();
  const sentences = (file: string) => new Set(listed.filter((row) => row.file === file).map((row) => row.sentence));
  const missing = refusing.filter(({ file, count }) => sentences(file).size < count);
  expect(
    missing.map(({ file }) => file),
    `add a row to ${PAGE} for each sentence with which this file refuses`,
  ).toEqual([]);
});

test('what is asked for readiness is on the page, and in what the gauge says, with what leaves work', () => {
  const checks = [
    ...read('services/app-server/src/health.ts').matchAll(/name: '(\w+)',\s+(?:\/\/.*\s+)?leavesWork: (true|false)/g),
  ].map(([, name = '', leaves]) => [name, leaves === 'true' ? 'yes' : 'no']);
  expect(checks.length, 'no check was read: mend this test').toBeGreaterThan(4);
  const stated = [...read(PAGE).matchAll(/^\| `(\w+)` \| (yes|no)\b/gm)].map(([, name, leaves]) => [name, leaves]);
  expect(stated, `bring "Not ready" of ${PAGE} in step with health.ts, in its order`).toEqual(checks);
  const [gauge = ''] = /^\| `countersign_ready_check` .*$/m.exec(read('docs/operations/metrics.md')) ?? [];
  const [, ofAppServer = ''] = /not ready: (.*); at an edge `bus`/.exec(gauge) ?? [];
  expect(
    [...ofAppServer.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    'list the names of health.ts in docs/operations/metrics.md',
  ).toEqual(checks.map(([name]) => name));
});
