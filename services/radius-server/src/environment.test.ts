import { readFileSync } from 'node:fs';
import { settingsTable } from '@countersign/config';
import { expect, test } from 'vitest';
import { ENVIRONMENT } from './environment.ts';

test('the README has the settings as they are; print them with settingsTable(ENVIRONMENT)', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(readme).toContain(settingsTable(ENVIRONMENT));
});
