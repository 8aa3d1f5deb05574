import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { directoryCreate, type DirectorySettings } from '@countersign/contracts';
import { FilterParser } from 'ldapts';
import { Compile } from 'typebox/compile';
import { expect, test } from 'vitest';
import { attributesToRead } from './entry.ts';
import { filterFor } from './names.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../../docs/operations/directory.md'), 'utf8');
const examples = [...PAGE.matchAll(/^ *```json\n([\s\S]*?)^ *```$/gm)].map(([, text = '']) => text);
const input = Compile(directoryCreate.input);

test('docs/operations/directory.md has examples of both kinds', () => {
  const kinds = examples.map((text) => (JSON.parse(text) as DirectorySettings).kind);
  expect(new Set(kinds)).toEqual(new Set(['active-directory', 'ldap']));
});

test.each(examples)('an example can be used as it stands: %s', (text) => {
  const settings = JSON.parse(text) as DirectorySettings;
  expect([...input.Errors({ name: 'Hospital AD', settings, bindPassword: 'x' })]).toEqual([]);
  const [suffix = ''] = settings.suffixes;
  for (const typed of ['alice', `alice@${suffix}`, ...settings.netbiosNames.map((name) => `${name}\\alice`)]) {
    expect(() => FilterParser.parseString(filterFor(settings, typed) ?? '')).not.toThrow();
  }
});

test('docs/operations/directory.md names every attribute that is read', () => {
  const base = { urls: [], baseDn: '', netbiosNames: [], suffixes: [] };
  const read = (['active-directory', 'ldap'] as const).flatMap((kind) => attributesToRead({ ...base, kind }));
  for (const attribute of read) expect(PAGE).toContain(`\`${attribute}`);
});
