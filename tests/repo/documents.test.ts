import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { ERRORS } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { read, ROOT, trackedFiles } from './tracked-files.ts';

const documents = trackedFiles(/\.md$/);

/** Links and images, without what stands in code. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].map(([, target]) => target ?? '');
}

/** The anchor that GitHub gives a heading. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#{1,6}\s+(.+)$/gm)].map(([, heading = '']) =>
    heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );
}

test('every link between documents leads somewhere', () => {
  let looked = 0;
  const broken = documents.flatMap((document) =>
    linksOf(read(document)).flatMap((link) => {
      if (/^[a-z]+:/i.test(link)) return [];
      looked += 1;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? document : normalize(join(dirname(document), decodeURI(path)));
      if (!existsSync(join(ROOT, target))) return [`${document}: ${link} leads to nothing`];
      const isMissing = anchor !== undefined && target.endsWith('.md') && !anchorsOf(read(target)).includes(anchor);
      return isMissing ? [`${document}: ${target} has no heading #${anchor}`] : [];
    }),
  );
  expect(looked, 'no link was looked at: mend this test').toBeGreaterThan(3);
  expect(broken, 'mend the link, or write the page it promises').toEqual([]);
});

test('docs/error-codes.md lists the errors of packages/contracts, with their statuses', () => {
  const rows = [...read('docs/error-codes.md').matchAll(/^\| `([A-Z_]+)` \| ([^|]+) \|/gm)].map(([, code, status]) => [
    code,
    Number(/\d{3}/.exec(status ?? '')?.[0]),
  ]);
  const expected = Object.entries(ERRORS).map(([code, { status }]) => [code, status]);
  expect(rows.length, 'no row was read: mend this test').toBeGreaterThan(10);
  expect(
    Object.fromEntries(rows),
    'change the table of docs/error-codes.md together with packages/contracts/src/errors.ts',
  ).toEqual(Object.fromEntries(expected));
  expect(new Set(rows.map(([code]) => code)).size, 'a code is listed twice').toBe(rows.length);
});

test('docs/error-codes.md promises Retry-After for what can be repeated', () => {
  const promised = [...read('docs/error-codes.md').matchAll(/^\| `([A-Z_]+)` \| \d{3}, Retry-After/gm)].map(
    ([, c]) => c,
  );
  const repeatable = Object.entries(ERRORS)
    .filter(([, { status }]) => status === 429 || status === 503)
    .map(([code]) => code);
  expect(repeatable.length).toBeGreaterThan(0);
  expect(promised, 'write "Retry-After" next to the status of each').toEqual(expect.arrayContaining(repeatable));
});

test('docs/adding-an-operation.md names files that exist, and its example has each of them', () => {
  const table = [...read('docs/adding-an-operation.md').matchAll(/^\| \d+ \| `([^`]+)` \|/gm)].map(
    ([, path = '']) => path,
  );
  expect(table.length, 'the table has seven rows, one per file').toBe(7);
  // The page says: follow user.block through all of them. Its test may be one that meets Postgres or NATS.
  const missing = table
    .map((path) => path.replaceAll('<noun>', 'user').replaceAll('<verb>', 'block'))
    .filter((path) => ![path, path.replace('.test.ts', '.int.test.ts')].some((one) => existsSync(join(ROOT, one))));
  expect(missing, 'write the file, or choose another example in docs/adding-an-operation.md').toEqual([]);
});

test('commands that documents tell people to run exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const builtIn = new Set(['install', 'ci', 'exec', 'add', 'run']);
  let looked = 0;
  const unknown = documents.flatMap((document) =>
    [...read(document).matchAll(/(?:^|[`\s$])(?:npm run|npm|pnpm)\s+([a-z][a-z:-]*)/gm)].flatMap(([, command = '']) => {
      looked += 1;
      return command in scripts || builtIn.has(command) ? [] : [`${document}: ${command}`];
    }),
  );
  expect(looked, 'no command was looked at: mend this test').toBeGreaterThan(3);
  expect(
    unknown.filter((line) => !/: (and|or|is|in|on|package|packages|names|the|through|with)$/.test(line)),
    'add the script to package.json, or mend the document',
  ).toEqual([]);
});

test('scripts of package.json run files that exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const files = Object.values(scripts).flatMap((line) => line.match(/[\w./-]+\.(?:ts|mjs|cjs|js)\b/g) ?? []);
  expect(files.length, 'no file was looked at: mend this test').toBeGreaterThan(3);
  expect(
    files.filter((file) => !existsSync(join(ROOT, file))),
    'write the file, or take the script out of package.json',
  ).toEqual([]);
});

test('the README says how to start, to test and where the rule that decides a login is', () => {
  const readme = read('README.md');
  for (const word of ['npm start', 'npm test', 'decide.ts']) expect(readme).toContain(word);
});

test('docs/operations/overload.md states the bounds as the sources set them', () => {
  const rows = [
    ...read('docs/operations/overload.md').matchAll(/^\| [^|]+ \| ([\d,]+)[^|]* \| [^|]+ \| `([^`]+)` `(\w+)` \|$/gm),
  ];
  expect(rows.length, 'no row was read: mend this test').toBeGreaterThan(10);
  const stated = rows.map(([, bound = '', path, name]) => `${path} ${name} ${bound.replaceAll(',', '')}`);
  const set = rows.map(([, , path = '', name = '']) => {
    const value = new RegExp(`\\b${name}(?:: Type[^]{0,160}?default: | = |: | \\?\\? )([\\d_]+)`).exec(read(path))?.[1];
    return `${path} ${name} ${value?.replaceAll('_', '')}`;
  });
  expect(stated, 'change the table together with the source').toEqual(set);
});

test('docs/operations/overload.md names the urgent operations', async () => {
  const contracts = Object.values(await import('@countersign/contracts')) as unknown[];
  const urgent = contracts.flatMap((one) =>
    typeof one === 'object' && one !== null && 'urgent' in one && one.urgent === true && 'name' in one
      ? [one.name]
      : [],
  );
  expect(urgent.length).toBeGreaterThan(3);
  const page = read('docs/operations/overload.md');
  // Those that no application asks for by name are told in words.
  const inWords = ['keys.jwks', 'system.check', 'cluster.status'];
  expect(urgent.filter((name) => !inWords.includes(String(name)) && !page.includes(`\`${String(name)}\``))).toEqual([]);
});
