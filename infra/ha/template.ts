import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const TEMPLATES = join(import.meta.dirname, 'templates');
const PLACE = /\$\{([A-Z_]+)\}/g;

/**
 * Fills in one of the templates, as `envsubst` does for an operator.
 * @throws Error when a place has no value, or a value no place: either would be noticed only when it is needed.
 */
export function fillTemplate(name: string, values: Readonly<Record<string, string | number>>): string {
  const template = readFileSync(join(TEMPLATES, name), 'utf8');
  const used = new Set<string>();
  const text = template.replaceAll(PLACE, (_place, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`${name} needs a value for ${key}`);
    used.add(key);
    return String(value);
  });
  const unused = Object.keys(values).find((key) => !used.has(key));
  if (unused !== undefined) throw new Error(`${name} has no place for ${unused}`);
  return text;
}
