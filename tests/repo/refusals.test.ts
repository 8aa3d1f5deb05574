import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { read, trackedFiles } from './tracked-files.ts';

const PAGE = 'docs/operations/refusals.md';

interface Row {
  sentence: string;
  file: string;
}

/** The last two cells of each row: what is said, and by which file. */
function rows(): Row[] {
  return read(PAGE)
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

test('everything that refuses to start is on the page', () => {
  const refusing = trackedFiles(/^(services|packages)\/.*\.ts$/)
    .filter((path) => !path.endsWith('.test.ts'))
    .flatMap((file) => {
      const count = [...read(file).matchAll(/new (?:StartRefused|WrongLayout|StreamUnavailable|BusRefused)\(/g)].length;
      return count === 0 ? [] : [{ file, count }];
    });
  expect(refusing.length, 'nothing refuses: mend this test').toBeGreaterThan(5);
  const listed = rows();
  const missing = refusing.filter(({ file, count }) => listed.filter((row) => row.file === file).length < count);
  expect(
    missing.map(({ file }) => file),
    `add a row to ${PAGE} for each sentence with which this file refuses`,
  ).toEqual([]);
});
