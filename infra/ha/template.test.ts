import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fillTemplate } from './template.ts';

const folder = join(import.meta.dirname, 'templates');
const placesOf = (text: string) => [...new Set([...text.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name]) => name ?? ''))];

test.each(readdirSync(folder))('%s is filled in completely, and refuses a value too few or too many', (name) => {
  const places = placesOf(readFileSync(join(folder, name), 'utf8'));
  expect(places.length).toBeGreaterThan(0);
  const values = Object.fromEntries(places.map((place) => [place, `<${place}>`]));
  const text = fillTemplate(name, values);
  expect(placesOf(text)).toEqual([]);
  for (const place of places) expect(text).toContain(`<${place}>`);
  const { [places[0] ?? '']: _, ...fewer } = values;
  expect(() => fillTemplate(name, fewer)).toThrow(`${name} needs a value for ${places[0]}`);
  expect(() => fillTemplate(name, { ...values, MORE: 1 })).toThrow('has no place for MORE');
});

test('every place of a template is explained to operators', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'operations', 'topology.md'), 'utf8');
  for (const name of readdirSync(folder)) {
    for (const place of placesOf(readFileSync(join(folder, name), 'utf8'))) expect(page).toContain(`\`${place}\``);
  }
});
