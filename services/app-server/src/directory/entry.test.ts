import type { DirectorySettings } from '@countersign/contracts';
import { describe, expect, test } from 'vitest';
import { attributesToRead, personOf, type DirectoryEntry } from './entry.ts';

const AD: DirectorySettings = {
  kind: 'active-directory',
  urls: ['ldaps://dc1.example.com'],
  baseDn: 'DC=example,DC=com',
  netbiosNames: ['EXAMPLE'],
  suffixes: ['example.com'],
};
const LDAP: DirectorySettings = { ...AD, kind: 'ldap', netbiosNames: [] };
const NOW = Date.UTC(2026, 10, 23, 12);
const GUID = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const account: DirectoryEntry = {
  dn: 'CN=Alice,DC=example,DC=com',
  objectGUID: GUID,
  sAMAccountName: 'alice',
  userPrincipalName: 'alice@example.com',
  displayName: 'Alice Ābola',
  mail: 'a.abola@example.com',
  preferredLanguage: 'lv-LV,en;q=0.5',
  mobile: '+371 2000-0012',
  userAccountControl: '512',
  accountExpires: '0',
};
const entry: DirectoryEntry = {
  dn: 'uid=bob,dc=example,dc=com',
  entryUUID: '8D0B2F4E-5a1c-4b0e-9c3d-2f7a1b6c5d4e',
  uid: ['bob', 'robert'],
  mail: 'bob@example.com',
};

const inAd = (change: DirectoryEntry = {}) => personOf(AD, { ...account, ...change }, NOW);
const inLdap = (change: DirectoryEntry = {}) => personOf(LDAP, { ...entry, ...change }, NOW);
/** As Active Directory writes a time. */
const fileTime = (ms: number) => String((BigInt(ms) + 11_644_473_600_000n) * 10_000n);

test('a person as Active Directory describes one', () => {
  expect(inAd()).toEqual({
    objectId: '000102030405060708090a0b0c0d0e0f',
    dn: 'CN=Alice,DC=example,DC=com',
    username: 'alice',
    names: ['EXAMPLE\\alice', 'alice@example.com', 'a.abola@example.com'],
    displayName: 'Alice Ābola',
    mail: 'a.abola@example.com',
    language: 'lv-lv',
    phones: ['+37120000012'],
    status: 'enabled',
  });
});

test('a person as RFC 2798 describes one: of several values the first, ids in one spelling', () => {
  expect(inLdap()).toEqual({
    objectId: '8d0b2f4e-5a1c-4b0e-9c3d-2f7a1b6c5d4e',
    dn: 'uid=bob,dc=example,dc=com',
    username: 'bob',
    names: ['bob@example.com'],
    mail: 'bob@example.com',
    phones: [],
    status: 'enabled',
  });
});

describe('R17: whether a directory lets somebody in', () => {
  test.each([
    ['512', 'enabled'],
    ['514', 'disabled'],
    // Password never expires, smart card required.
    [String(0x10200 | 0x40000), 'enabled'],
    [String(0x10200 | 0x2), 'disabled'],
  ])('userAccountControl %s: %s', (userAccountControl, status) => {
    expect(inAd({ userAccountControl })?.status).toBe(status);
  });

  test.each([[''], [[]], ['none']])(
    'userAccountControl %j, which nobody may read: nobody is taken for enabled',
    (hidden) => {
      expect(() => inAd({ userAccountControl: hidden })).toThrow('userAccountControl');
    },
  );

  test.each([
    ['0', 'enabled'],
    // [MS-ADTS] section 2.2.19: never.
    ['9223372036854775807', 'enabled'],
    [fileTime(NOW + 1000), 'enabled'],
    [fileTime(NOW), 'expired'],
    [fileTime(NOW - 1000), 'expired'],
    ['-1', 'enabled'],
    ['99999999999999999999999', 'enabled'],
    ['soon', 'enabled'],
  ])('accountExpires %s: %s', (accountExpires, status) => {
    expect(inAd({ accountExpires })?.status).toBe(status);
  });

  test('disabled comes before expired, expired before locked', () => {
    const times = { accountExpires: fileTime(NOW - 1), lockoutTime: fileTime(NOW - 1) };
    expect(inAd({ ...times, userAccountControl: '514' })?.status).toBe('disabled');
    expect(inAd(times)?.status).toBe('expired');
    expect(inAd({ lockoutTime: times.lockoutTime })?.status).toBe('locked');
    expect(inAd({ lockoutTime: '0' })?.status).toBe('enabled');
  });

  test.each<[DirectoryEntry, string]>([
    [{ pwdAccountLockedTime: '000001010000Z' }, 'disabled'],
    [{ pwdAccountLockedTime: '20261123115900Z' }, 'locked'],
    [{ nsAccountLock: 'TRUE' }, 'disabled'],
    [{ nsAccountLock: 'false' }, 'enabled'],
    [{ shadowExpire: String(NOW / 86_400_000 + 1) }, 'enabled'],
    [{ shadowExpire: String(Math.floor(NOW / 86_400_000)) }, 'expired'],
    [{ shadowExpire: '-1' }, 'enabled'],
    [{ shadowExpire: 'never' }, 'enabled'],
  ])('%j: %s', (change, status) => {
    expect(inLdap(change)?.status).toBe(status);
  });

  test('what it is told by is read', () => {
    expect(attributesToRead(AD)).toEqual(
      expect.arrayContaining(['userAccountControl', 'accountExpires', 'objectGUID']),
    );
    expect(attributesToRead(LDAP)).toEqual(
      expect.arrayContaining(['pwdAccountLockedTime', 'shadowExpire', 'entryUUID']),
    );
  });
});

test.each([
  ['20201231235958.0Z', Date.UTC(2020, 11, 31, 23, 59, 58)],
  ['20201231235958Z', Date.UTC(2020, 11, 31, 23, 59, 58)],
  ['202012312359Z', Date.UTC(2020, 11, 31, 23, 59)],
  ['20201331235958Z', undefined],
  ['20201231235958', undefined],
  ['yesterday', undefined],
])('R18: an account that was made at %s', (time, createdAt) => {
  expect(inAd({ whenCreated: time })?.createdAt).toBe(createdAt);
  expect(inLdap({ createTimestamp: time })?.createdAt).toBe(createdAt);
});

describe('a directory that is wrong, or lies', () => {
  test.each<[string, DirectoryEntry]>([
    ['without an id', { objectGUID: [] }],
    ['with half an id', { objectGUID: GUID.subarray(8) }],
    ['with an id that is a text', { objectGUID: '000102030405060708090a0b0c0d0e0f' }],
    ['without a name', { sAMAccountName: '' }],
    ['with a blank name', { sAMAccountName: '  ' }],
    ['with an endless name', { sAMAccountName: 'a'.repeat(257) }],
    ['with a name that rings bells', { sAMAccountName: 'alice\u0007' }],
    ['without a place', { dn: [] }],
  ])('nobody is somebody %s', (_, change) => {
    expect(inAd(change)).toBeUndefined();
  });

  test('an id of OpenLDAP is a text of reasonable length', () => {
    expect(inLdap({ entryUUID: '' })).toBeUndefined();
    expect(inLdap({ entryUUID: 'a'.repeat(257) })).toBeUndefined();
    expect(inLdap({ entryUUID: Buffer.from('x') })).toBeUndefined();
  });

  test.each([
    ['+371 2000 0012', ['+37120000012']],
    ['+371 (2000) 00.12', ['+37120000012']],
    ['20000012', []],
    ['00371 20000012', []],
    // Nobody can read a text there, or nobody has it.
    ['+371 6700 0012', []],
    ['+371 9000 0012', []],
    ['+371 2000 001', []],
    ['+37120000012 or +37120000013', []],
    ['1'.repeat(200), []],
    ['+0371 20000012', []],
    ['+371 20000012 ext. 5', []],
    [`+${'1'.repeat(16)}`, []],
    ['tel:+37120000012', []],
  ])('phone %s: %j', (mobile, phones) => {
    expect(inAd({ mobile })?.phones).toEqual(phones);
  });

  test.each([
    ['LV', '20000012', '+37120000012'],
    ['LV', '2000-0012', '+37120000012'],
    ['LV', '+43 664 1234567', '+436641234567'],
    ['LV', '00 43 664 1234567', '+436641234567'],
    ['RU', '8 (900) 000-00-12', '+79000000012'],
    ['LV', '67000012', undefined],
    ['XX', '20000012', undefined],
  ])('in %s the phone %s is %s', (country, mobile, phone) => {
    expect(personOf({ ...AD, country }, { ...account, mobile }, NOW)?.phones).toEqual(
      phone === undefined ? [] : [phone],
    );
  });

  test('phones come in the order of their attributes, each number once, of each attribute the first value', () => {
    const attributes = { phones: ['telephoneNumber', 'mobile', 'otherMobile'] };
    const many = Array.from({ length: 5000 }, (_, n) => `+371${20_000_000 + n}`);
    const numbers = { telephoneNumber: '+371 2000 0099', mobile: '+37120000012', otherMobile: many };
    const phonesOf = (change: DirectoryEntry) =>
      personOf({ ...AD, attributes }, { ...account, ...numbers, ...change }, NOW)?.phones;
    expect(phonesOf({})).toEqual(['+37120000099', '+37120000012', '+37120000000']);
    expect(phonesOf({ telephoneNumber: '+371 20000012' })).toEqual(['+37120000012', '+37120000000']);
    expect(phonesOf({ telephoneNumber: '+371 6700 0012', otherMobile: [] })).toEqual(['+37120000012']);
  });

  test.each([
    ['en', 'en'],
    ['RU', 'ru'],
    ['de-CH; q=1', 'de-ch'],
    ['English', undefined],
    ['../../etc', undefined],
  ])('language %s: %s', (preferredLanguage, language) => {
    expect(inAd({ preferredLanguage })?.language).toBe(language);
  });

  test('what cannot be shown, or never ends, is left out', () => {
    expect(inAd({ displayName: 'x'.repeat(257) })).not.toHaveProperty('displayName');
    expect(inAd({ displayName: 'Alice\r\nBcc: everybody' })).not.toHaveProperty('displayName');
    expect(inAd({ mail: 'x'.repeat(10_000) })?.names).toEqual(['EXAMPLE\\alice', 'alice@example.com']);
  });

  test('bytes in place of texts are read as UTF-8', () => {
    expect(inAd({ displayName: Buffer.from('Ābola') })?.displayName).toBe('Ābola');
    expect(inAd({ displayName: [Buffer.from('Ābola'), Buffer.from('x')] })?.displayName).toBe('Ābola');
  });
});
