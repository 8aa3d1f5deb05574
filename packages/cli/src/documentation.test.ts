import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsTable } from '@countersign/config';
import { expect, test } from 'vitest';
import { COMMANDS } from './commands.ts';
import { EXIT } from './exit-codes.ts';
import { explain, overview, usage } from './help.ts';
import { ENVIRONMENT } from './settings.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/command-line.md'), 'utf8');

/** Rows of the tables whose first cell satisfies the pattern. */
function rows(pattern: RegExp): string[] {
  return PAGE.split('\n').filter((line) => line.startsWith('| ') && pattern.test(line));
}

test('docs/command-line.md has the commands that there are, in the same words and order', () => {
  const listed = rows(
    /^\| `(?:users|authenticators|applications|directories|radius-clients|radius-upstreams|radius posture|policy|keys|audit|cluster|replicas (?:invite|list|revoke|renew)|join|balancer|doctor|help|version)[ `]/,
  ).filter((line) => !line.includes('Fails'));
  const wanted = COMMANDS.map((definition) => `| \`${usage(definition)}\` | ${definition.summary} |`);
  expect(listed.length).toBeGreaterThan(30);
  expect(listed, 'bring docs/command-line.md and packages/cli/src/commands.ts in step').toEqual(wanted);
});

test('docs/command-line.md has the exit codes and the settings that there are', () => {
  const codes = Object.values(EXIT).map(({ code, meaning }) => `| ${code} | ${meaning} |`);
  expect(rows(/^\| \d+ \|/)).toEqual(codes);
  expect(PAGE).toContain(settingsTable(ENVIRONMENT));
});

test.each(COMMANDS.map((definition) => [definition.name, definition] as const))('help %s', (name, definition) => {
  const text = explain(definition);
  expect(definition.examples.length).toBeGreaterThan(0);
  for (const example of definition.examples) expect(example).toContain(`countersign ${name}`);
  for (const option of Object.keys(definition.options)) expect(text).toContain(`--${option}`);
  expect(overview(COMMANDS)).toContain(usage(definition));
  expect(definition.summary).toMatch(/\.$/);
});
