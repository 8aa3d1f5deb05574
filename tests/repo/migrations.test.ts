import { describe, expect, test } from 'vitest';
import { checksumOf } from '../../services/app-server/src/database/migrate.ts';
import { MIGRATIONS } from '../../services/app-server/src/database/migrations/index.ts';
import { RELEASE } from '../../services/app-server/src/release/release.ts';
import { PREVIOUS } from '../upgrade/previous-release.ts';
import { read } from './tracked-files.ts';

const released = new Set(Object.keys(PREVIOUS.migrations));
const nameOf = ({ number, name }: { number: number; name: string }) => `${String(number).padStart(4, '0')}_${name}`;
const added = MIGRATIONS.filter((migration) => !released.has(nameOf(migration)));

test('this release is the next after the previous one', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(RELEASE, 'raise RELEASE, and write tests/upgrade/previous-release.json').toBe(PREVIOUS.release + 1);
  expect(isOlder(PREVIOUS.version, version)).toBe(true);
});

test('migrations that were released are as they were', () => {
  expect(released.size).toBeGreaterThan(3);
  const now = Object.fromEntries(MIGRATIONS.map((migration) => [nameOf(migration), checksumOf(migration)]));
  const kept = Object.fromEntries([...released].map((name) => [name, now[name]]));
  expect(kept, 'never edit, rename or take out a migration that was released: add one').toEqual(PREVIOUS.migrations);
});

test('what a migration of this release takes away, the previous release does not use', () => {
  const guilty = added.flatMap(({ unusedSince, ...migration }) =>
    unusedSince !== undefined && !isOlder(PREVIOUS.version, unusedSince)
      ? []
      : migration.statements
          .filter((statement) => takesAway(statement, madeBy(added)))
          .map((statement) => `${nameOf(migration)}: ${statement}`),
  );
  expect(
    guilty,
    `version ${PREVIOUS.version} runs on this schema during the upgrade: stop using it in this release, take it away in the next, ` +
      'and say so with `unusedSince` (services/app-server/src/database/README.md)',
  ).toEqual([]);
});

/** Of what is new nobody relies on anything yet. */
function takesAway(statement: string, made: Made): boolean {
  const text = statement.toLowerCase().replaceAll(/\s+/g, ' ').trim();
  const [, table = ''] = /^(?:alter table|create unique index \S+ on) (?:only |if exists )*(\w+)/.exec(text) ?? [];
  if (made.tables.has(table)) return false;
  const [, indexed] = /^create unique index \S+ on \w+ \(([\w, ]+)\)$/.exec(text) ?? [];
  if (indexed?.split(', ').every((column) => made.columns.has(`${table}.${column}`)) === true) return false;
  return (
    /\b(drop|rename|truncate)\b/.test(text) ||
    /^(delete|update)\b/.test(text) ||
    /^create unique index\b/.test(text) ||
    /\balter( column)? \w+ (set data )?type\b/.test(text) ||
    /\bset not null\b/.test(text) ||
    /\badd (column )?(if not exists )?(?!constraint\b)\w+ [^,]*\bnot null\b(?![^,]*\bdefault\b)(?<!\bdefault\b[^,]*)/.test(
      text,
    ) ||
    (/\badd constraint\b/.test(text) && !/\bnot valid\b/.test(text)) ||
    /\badd (check|unique|primary key|foreign key|exclude)\b/.test(text)
  );
}

interface Made {
  tables: ReadonlySet<string>;
  /** `app_user.mail` */
  columns: ReadonlySet<string>;
}

function madeBy(migrations: typeof MIGRATIONS): Made {
  const statements = migrations.flatMap((migration) => [...migration.statements]);
  const tables = statements.map((statement) => /^\s*create table (?:if not exists )?(\w+)/i.exec(statement)?.[1]);
  const columns = statements.flatMap((statement) => {
    const [, table] = /^\s*alter table (\w+)/i.exec(statement) ?? [];
    return [...statement.matchAll(/\badd column (\w+)/gi)].map(([, column]) => `${table}.${column}`);
  });
  return { tables: new Set(tables.filter((name) => name !== undefined)), columns: new Set(columns) };
}

function isOlder(one: string, other: string): boolean {
  return one.localeCompare(other, 'en', { numeric: true }) < 0;
}

describe('what counts as taken away', () => {
  const none: Made = { tables: new Set(), columns: new Set() };

  test.each([
    'drop table app_user',
    'alter table app_user drop column language',
    'alter table app_user rename column language to locale',
    'alter table app_user alter column language type integer',
    'alter table app_user alter language set data type integer',
    'alter table app_user alter column language set not null',
    'alter table app_user add column tier text not null',
    'alter table app_user add tier text not null',
    "alter table app_user add constraint app_user_language_form check (language ~ '^[a-z]{2}$')",
    'alter table app_user add unique (language)',
    'create unique index app_user_language on app_user (language)',
    'truncate policy',
    `update app_user set language = 'en'`,
    'delete from app_user',
  ])('%s', (statement) => expect(takesAway(statement, none)).toBe(true));

  test.each([
    'create table tier (name text not null)',
    'alter table app_user add column tier text',
    `alter table app_user add column tier text not null default 'all'`,
    `alter table app_user add column tier text default 'all' not null`,
    'alter table app_user add column tier integer constraint app_user_tier_range check (tier > 0)',
    'alter table app_user add constraint app_user_tier_fkey foreign key (tier) references tier not valid',
    'create index app_user_tier on app_user (tier)',
    `insert into tier values ('all')`,
  ])('to add is none: %s', (statement) => expect(takesAway(statement, none)).toBe(false));

  test('of a table that is as new nobody relies on anything', () => {
    const statement = 'create unique index tier_name on tier (name)';
    expect(takesAway(statement, { ...none, tables: new Set(['tier']) })).toBe(false);
    expect(takesAway(statement, none)).toBe(true);
  });

  test('nor of columns that are as new, and of those alone', () => {
    const statement = 'create unique index app_user_tier on app_user (tier, level)';
    const columns = new Set(['app_user.tier']);
    expect(takesAway(statement, { ...none, columns: new Set([...columns, 'app_user.level']) })).toBe(false);
    expect(takesAway(statement, { ...none, columns })).toBe(true);
  });
});
