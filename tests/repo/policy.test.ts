import { DEFAULT_POLICY, PolicySchema } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { read } from './tracked-files.ts';

/** As much of JSON Schema as the policy is written in. */
interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  patternProperties?: object;
  items?: Schema;
  enum?: string[];
  anyOf?: (Schema & { const?: string })[];
  minimum?: number;
  maximum?: number;
}

/** One row for each value: its path, its bounds in words, and its default. */
function rowsOf(schema: Schema, value: unknown, path: readonly string[] = []): string[] {
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([name, inner]) =>
      rowsOf(inner, (value as Record<string, unknown>)[name], [...path, name]),
    );
  }
  return [`\`${path.join('.')}\` | ${boundsOf(schema)} | \`${JSON.stringify(value)}\``];
}

const words = (values: readonly string[]) => values.map((one) => `\`${one}\``).join(', ');

function boundsOf({ type, items, enum: choice, anyOf, minimum, maximum, patternProperties }: Schema): string {
  if (choice !== undefined) return words(choice);
  if (anyOf?.every((one) => one.const !== undefined) === true) return words(anyOf.flatMap((one) => one.const ?? []));
  if (anyOf !== undefined) return anyOf.map((one) => (one.type === 'null' ? '`null`' : 'text')).join(' or ');
  if (patternProperties !== undefined) return 'text per language';
  if (type === 'array') return items?.enum === undefined ? 'list' : `list of ${words(items.enum)}`;
  if (type === 'boolean') return '`true`, `false`';
  return type === 'string' ? 'text' : `${minimum} to ${maximum}`;
}

const page = read('docs/policy.md');

test('docs/policy.md has every setting, with its bounds and its default', () => {
  const stated = [...page.matchAll(/^\| (`[a-z][A-Za-z]*(?:\.[A-Za-z]+)*` \| [^|]+ \| `[^|]+`) \| [^|]*\|$/gm)].map(
    ([, row = '']) => row,
  );
  const known = rowsOf(PolicySchema, DEFAULT_POLICY);
  expect(known.length, 'no setting was found: mend this test').toBeGreaterThan(50);
  expect(stated.toSorted(), 'change the table together with packages/contracts/src/policy.ts').toEqual(
    known.toSorted(),
  );
});

test('docs/policy.md names no setting that is not there', () => {
  const sections = Object.keys(PolicySchema.properties).join('|');
  const paths = rowsOf(PolicySchema, DEFAULT_POLICY).map((row) => row.split('`')[1]);
  const named = [...page.matchAll(new RegExp(`\`((?:${sections})\\.[A-Za-z.]+)\``, 'g'))].map(([, path]) => path);
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter((path) => !paths.includes(path))).toEqual([]);
});
