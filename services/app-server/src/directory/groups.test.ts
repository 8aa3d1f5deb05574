import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonical } from './dn.ts';
import { groupQuestion, groupsIn } from './groups.ts';

const AD = { kind: 'active-directory', baseDn: 'OU=Staff,DC=example,DC=com' } as const;
const PERSON = 'CN=Alice (A*),OU=Staff,DC=example,DC=com';

describe('distinguished names that are the same (RFC 4514)', () => {
  test.each([
    ['CN=VPN,OU=Groups,DC=example,DC=com', ' cn = vpn , ou=groups,dc=EXAMPLE, dc=com'],
    ['CN=A\\, B,DC=com', 'cn=a\\2c b,dc=com'],
    ['CN=Ārsti,DC=com', 'cn=\\c4\\81rsti,dc=com'],
    ['CN=A  B,DC=com', 'cn=a b ,dc=com'],
    ['CN=A+UID=b,DC=com', 'uid=B+cn=a,dc=com'],
    ['CN=a\\\\41,DC=com', 'cn=A\\5c41,dc=com'],
  ])('%s', (one, other) => {
    expect(canonical(one)).toBeDefined();
    expect(canonical(other)).toBe(canonical(one));
  });

  test.each([
    ['CN=a\\\\41,DC=com', 'cn=aa,dc=com'],
    ['CN=a\\,dc=b,DC=com', 'cn=a,dc=b,dc=com'],
    ['CN=a+CN=b,DC=com', 'cn=a\\+cn=b,dc=com'],
    ['CN=a\\3d"\\,"b\\3d,DC=com', 'cn=a\\3d,b=",dc=com'],
  ])('%s is not %s', (one, other) => {
    expect(canonical(one)).not.toBe(canonical(other));
  });

  test.each(['', 'vpn', 'cn=', 'cn=a,,dc=com', '=a', 'c n=a', 'cn=a,dc=com,'])('%j is none', (text) => {
    expect(canonical(text)).toBeUndefined();
  });

  test('any text is a name or none, and never an error', () => {
    const special = fc.constantFrom('cn=', ',', '+', '\\', '\\4', '\\c4', '=', '"', ' ', 'a', '\0', 'ā', '\ud800');
    fc.assert(
      fc.property(fc.string({ unit: special }), (text) => {
        const name = canonical(text);
        expect(name === undefined || name.length > 0).toBe(true);
      }),
    );
  });
});

describe('the one question about groups', () => {
  test('in Active Directory: below what holds people and groups, members of members', () => {
    const question = groupQuestion(AD, PERSON, ['CN=A,OU=Groups,DC=example,DC=com', 'CN=B\\2c,DC=EXAMPLE,DC=com']);
    expect(question).toMatchObject({ baseDn: 'DC=example,DC=com', most: 3 });
    expect(String(question?.filter)).toBe(
      '(&(|(distinguishedName=CN=A,OU=Groups,DC=example,DC=com)(distinguishedName=CN=B\\5c2c,DC=EXAMPLE,DC=com))' +
        '(member:1.2.840.113556.1.4.1941:=CN=Alice \\28A\\2a\\29,OU=Staff,DC=example,DC=com))',
    );
  });

  test.each([
    ['OU=Staff,DC=example,DC=com', 'CN=A,OU=Teams,OU=Staff,DC=example,DC=com', 'OU=Staff,DC=example,DC=com'],
    ['ou=people,o=House,c=LV', 'cn=a,ou=groups,o=house,c=lv', 'o=House,c=LV'],
    ['o=House', 'cn=a,o=House', 'o=House'],
    ['ou=people,dc=example,dc=com', 'cn=a,dc=other,dc=com', undefined],
    ['ou=people,o=House,c=LV', 'cn=a,o=Other,c=LV', undefined],
    ['ou=people', 'cn=a,ou=people', undefined],
    ['dc=example,dc=com', 'dc=example,dc=com', undefined],
  ])('people of %s and the group %s: below %s', (baseDn, group, below) => {
    expect(groupQuestion({ kind: 'ldap', baseDn }, PERSON, [group])?.baseDn).toBe(below);
  });

  test('a group elsewhere spoils nothing', () => {
    const groups = ['CN=A,DC=example,DC=com', 'CN=A,DC=other,DC=com', 'nonsense'];
    expect(groupQuestion(AD, PERSON, groups)).toMatchObject({ baseDn: 'DC=example,DC=com', most: 2 });
    expect(groupQuestion(AD, PERSON, [])).toBeUndefined();
  });

  test('of an answer only what was asked for counts, and of the person only memberOf', () => {
    const groups = ['CN=A,DC=example,DC=com', 'cn=b,dc=example,dc=com', 'CN=C,DC=example,DC=com'];
    const entries = [
      { dn: 'cn=a,dc=example,dc=com', memberOf: 'CN=C,DC=example,DC=com' },
      { dn: 'CN=Mallory,DC=example,DC=com' },
      { dn: PERSON.toUpperCase(), memberOf: ['CN=B,DC=example,DC=com', 'CN=Z,DC=example,DC=com'] },
    ];
    expect(groupsIn(entries, PERSON, groups)).toEqual(groups.slice(0, 2));
    expect(groupsIn(entries, 'nonsense', [...groups, 'nonsense'])).toEqual([groups[0]]);
    expect(groupsIn([], PERSON, groups)).toEqual([]);
  });
});
