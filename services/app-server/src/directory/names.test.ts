import type { DirectorySettings } from '@countersign/contracts';
import fc from 'fast-check';
import { FilterParser, type AndFilter, type Filter } from 'ldapts';
import { describe, expect, test } from 'vitest';
import { escapedForFilter, filterFor, filterForId, namesFor } from './names.ts';

const AD: DirectorySettings = {
  kind: 'active-directory',
  urls: ['ldaps://dc1.example.com'],
  baseDn: 'DC=example,DC=com',
  netbiosNames: ['EXAMPLE', 'EX-OLD'],
  suffixes: ['example.com', 'corp.example.com'],
};
const LDAP: DirectorySettings = { ...AD, kind: 'ldap', netbiosNames: [] };
const PERSON = '(&(objectCategory=person)(objectClass=user))';

/** What a server understands of a filter: each attribute that is compared, with the value as it is meant. */
function comparisonsIn(filter: string): [attribute: string, value: string][] {
  const found: [string, string][] = [];
  const visit = (part: Filter & { filters?: Filter[]; attribute?: string; value?: unknown }) => {
    for (const inner of part.filters ?? []) visit(inner);
    if (part.constructor.name === 'EqualityFilter') found.push([part.attribute ?? '', String(part.value)]);
    else if (part.filters === undefined) found.push([part.constructor.name, part.attribute ?? '']);
  };
  visit(FilterParser.parseString(filter));
  return found.filter(([attribute]) => !attribute.startsWith('objectC'));
}

describe('LDAP-34: what somebody types is compared, and never asks anything else', () => {
  test.each(['*)(objectClass=*', '*', 'alice)(|(uid=*', 'a\\2a', '\0', 'a(b)c', 'ž*'])('%j', (typed) => {
    expect(comparisonsIn(`(uid=${escapedForFilter(typed)})`)).toEqual([['uid', typed]]);
  });

  test('any text at all', () => {
    const special = fc.constantFrom('*', '(', ')', '\\', '\0', '&', '|', '!', '=', '@', ' ', 'a', 'é', '😀');
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: special }), fc.string({ unit: 'grapheme' })), (text) => {
        fc.pre(text !== '');
        const filter = `(uid=${escapedForFilter(text)})`;
        expect(filter.slice(5, -1)).not.toMatch(/[*()\0]/);
        expect(comparisonsIn(filter)).toEqual([['uid', text]]);
      }),
    );
  });

  test('a whole question stays one question, whoever asks', () => {
    const special = fc.constantFrom('*', '(', ')', '\\', '\0', '&', '|', '@example.com', 'EXAMPLE\\', ' ', 'a', 'é');
    fc.assert(
      fc.property(fc.string({ unit: special, minLength: 1 }), (typed) => {
        const filter = filterFor(AD, typed);
        if (filter === undefined) return;
        const attributes = new Set(comparisonsIn(filter).map(([attribute]) => attribute));
        for (const attribute of attributes)
          expect(['sAMAccountName', 'userPrincipalName', 'mail']).toContain(attribute);
      }),
    );
  });
});

describe('R3: who may be meant by a name', () => {
  test('a bare name is asked for in every directory', () => {
    expect(filterFor(AD, 'alice')).toBe(`(&${PERSON}(sAMAccountName=alice))`);
    expect(filterFor(LDAP, 'alice')).toBe('(&(objectClass=person)(uid=alice))');
  });

  test('a domain and a suffix say which directory, in any case', () => {
    expect(filterFor(AD, 'example\\Alice')).toBe(`(&${PERSON}(sAMAccountName=Alice))`);
    expect(filterFor(AD, 'ex-old\\alice')).toBe(`(&${PERSON}(sAMAccountName=alice))`);
    expect(filterFor(AD, 'alice@Example.COM')).toBe(
      `(&${PERSON}(|(userPrincipalName=alice@Example.COM)(mail=alice@Example.COM)))`,
    );
    // One attribute, asked for once.
    expect(filterFor(LDAP, 'a@example.com')).toBe('(&(objectClass=person)(mail=a@example.com))');
  });

  test.each([
    'OTHER\\alice',
    'EXAMPLE\\',
    '\\alice',
    'EXAMPLE\\corp\\alice',
    'alice@elsewhere.com',
    'alice@example.com@elsewhere.com',
    'alice@',
    '',
    '  ',
  ])('%j is nobody here, and no server is asked', (typed) => {
    expect(filterFor(AD, typed)).toBeUndefined();
  });

  test('spaces around and runs of them within are the same', () => {
    const filters = ['ada lovelace', ' ada  lovelace ', 'ada\u00A0lovelace', '\tada\u2003 lovelace\n'];
    expect(new Set(filters.map((typed) => filterFor(AD, typed))).size).toBe(1);
    expect(filterFor(AD, ' EXAMPLE\\alice ')).toBe(filterFor(AD, 'EXAMPLE\\alice'));
  });

  test('composed and decomposed letters ask the same, in both forms', () => {
    const composed = filterFor(AD, 'Žanis')!;
    expect(filterFor(AD, 'Z\u030Canis')).toBe(composed);
    expect(comparisonsIn(composed)).toEqual([
      ['sAMAccountName', 'Žanis'],
      ['sAMAccountName', 'Z\u030Canis'],
    ]);
  });

  test('full width, as an input method leaves it, means the letters as well', () => {
    expect(comparisonsIn(filterFor(AD, 'ＥＸＡＭＰＬＥ＼ａｄａ')!)).toContainEqual(['sAMAccountName', 'ada']);
  });

  test('the filter and the attributes of the settings are used', () => {
    const settings = { ...LDAP, userFilter: '(memberOf=cn=staff)', attributes: { username: 'cn' } };
    expect(filterFor(settings, 'alice')).toBe('(&(memberOf=cn=staff)(cn=alice))');
  });
});

test('every name of a person, each once', () => {
  const person = { username: 'alice', principalName: 'alice@example.com', mail: 'alice@example.com' };
  expect(namesFor(AD, person)).toEqual(['EXAMPLE\\alice', 'EX-OLD\\alice', 'alice@example.com']);
  expect(namesFor(LDAP, { username: 'alice' })).toEqual([]);
});

test.each(['boss', 'boss@elsewhere.com', 'boss@', 'OTHER\\boss', 'EXAMPLE\\boss@example.com', ''])(
  'R3: an attribute that says %j makes it nobody’s name',
  (said) => {
    expect(namesFor(AD, { username: 'mallory', principalName: said, mail: said })).toEqual([
      'EXAMPLE\\mallory',
      'EX-OLD\\mallory',
    ]);
  },
);

test('an id is asked for as its bytes, or as a text that asks nothing else', () => {
  const [isPerson, isTheirs] = (filterForId(AD, '00ff2a80') as AndFilter).filters;
  expect(isPerson?.toString()).toBe(PERSON);
  expect(isTheirs).toMatchObject({ attribute: 'objectGUID', value: Buffer.from([0x00, 0xff, 0x2a, 0x80]) });
  expect(filterForId(LDAP, 'a*)(uid=*').toString()).toBe(
    String.raw`(&(objectClass=person)(entryUUID=a\2a\29\28uid=\2a))`,
  );
});
