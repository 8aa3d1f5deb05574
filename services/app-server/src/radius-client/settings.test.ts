import {
  ACCEPT_FORGEABLE,
  DEFAULT_POLICY,
  DEFAULT_RADIUS_CLIENT,
  MfaError,
  RADIUS_PROFILE_NAMES,
  type RadiusClientSettings,
} from '@countersign/contracts';
import { describe, expect, test } from 'vitest';
import { checkedSettings, isForgeable, needsApp } from './settings.ts';

const UPSTREAM = { by: 'upstream', upstreamId: '5b0f4e62-8e4a-4a57-9a5c-6cf2ad1c7e11' } as const;
const base: RadiusClientSettings = {
  ...DEFAULT_RADIUS_CLIENT,
  attributes: [],
  groups: [],
  upstreamAttributes: [...DEFAULT_RADIUS_CLIENT.upstreamAttributes],
  networks: ['192.0.2.10'],
  applicationId: '0d3c8a0e-6e2b-4a34-8d0f-70c3a1c1b9d2',
};
const withApp = { ...DEFAULT_POLICY, methods: { order: ['app', 'totp'] } } as const;
const withoutApp = { ...DEFAULT_POLICY, methods: { order: ['totp', 'sms'] } } as const;

const checked = (changes: Partial<RadiusClientSettings>, policy: object = withApp, confirmation?: string) =>
  checkedSettings({ ...base, ...changes }, { policy: policy as never, confirmation });

function pointers(changes: Partial<RadiusClientSettings>, policy?: object, confirmation?: string): string[] {
  try {
    checked(changes, policy, confirmation);
    return [];
  } catch (error) {
    if (!(error instanceof MfaError)) throw error;
    expect(error.code).toBe('REQUEST_INVALID');
    for (const { message } of error.invalid ?? []) expect(message).toMatch(/\w+ \w+/);
    return (error.invalid ?? []).map(({ pointer }) => pointer);
  }
}

test('the defaults are taken, and networks and names get the one spelling that each has', () => {
  expect(pointers({})).toEqual([]);
  const { networks, certificates } = checked({
    networks: ['192.0.2.0/24', '2001:DB8:0::/48'],
    certificates: [{ name: 'VPN.Example.com' }, { fingerprint: 'ab'.repeat(32) }],
  });
  expect(networks).toEqual(['192.0.2.0/24', '2001:db8::/48']);
  expect(certificates).toEqual([{ name: 'vpn.example.com' }, { fingerprint: 'ab'.repeat(32) }]);
});

type Case = [what: string, changes: Partial<RadiusClientSettings>, pointers: string[]];
const cases: Case[] = [
  ['no network and no certificate', { networks: [] }, ['/settings/networks']],
  ['a certificate alone', { networks: [], certificates: [{ name: 'vpn.example.com' }] }, []],
  ['host bits', { networks: ['192.0.2.10/24'] }, ['/settings/networks/0']],
  ['one network in two spellings', { networks: ['192.0.2.10', '192.0.2.10/32'] }, ['/settings/networks/1']],
  ['a wildcard', { certificates: [{ name: '*.example.com' }] }, ['/settings/certificates/0/name']],
  [
    'one certificate in two spellings',
    { certificates: [{ name: 'a.example' }, { name: 'A.example' }] },
    ['/settings/certificates/1'],
  ],
  ['nobody checks strangers', { firstFactor: { by: 'none' }, requireUserMatch: false }, ['/settings/requireUserMatch']],
  ['the gateway checks, users are known', { firstFactor: { by: 'none' } }, []],
  ['MS-CHAPv2 without an upstream', { passwords: ['pap', 'mschapv2'] }, ['/settings/passwords']],
  ['EAP without an upstream', { passwords: ['pap', 'eap'] }, ['/settings/passwords']],
  ['MS-CHAPv2 by an upstream', { passwords: ['pap', 'mschapv2'], firstFactor: UPSTREAM }, []],
  [
    'a code behind a hash',
    {
      passwords: ['mschapv2'],
      firstFactor: UPSTREAM,
      allowPlainApproval: true,
      appended: { how: 'digits', digits: 6 },
    },
    ['/settings/appended'],
  ],
  [
    'a code behind nothing',
    { firstFactor: { by: 'none' }, appended: { how: 'digits', digits: 6 } },
    ['/settings/appended'],
  ],
  ['a code behind a password', { appended: { how: 'separator', separator: ',' } }, []],
  [
    'no challenge, no code, no plain approval (RAD-52)',
    { profile: 'windows-rras', firstFactor: UPSTREAM, passwords: ['mschapv2'] },
    ['/settings/allowPlainApproval'],
  ],
  ['no challenge, and nothing behind the password', { supportsChallenge: false }, ['/settings/allowPlainApproval']],
  ['no challenge, plain approval', { supportsChallenge: false, allowPlainApproval: true }, []],
  ['an attribute nobody knows', { attributes: [{ name: 'Filter-Ident', value: 'x' }] }, ['/settings/attributes/0']],
  ['a number that is none', { attributes: [{ name: 'Session-Timeout', value: 'long' }] }, ['/settings/attributes/0']],
  [
    'an attribute of a group',
    { groups: [{ group: 'CN=VPN', attributes: [{ name: 'Framed-IP-Address', value: 'here' }] }] },
    ['/settings/groups/0/attributes/0'],
  ],
  ['what an upstream may not hand on', { upstreamAttributes: ['Class', 'State'] }, ['/settings/upstreamAttributes/1']],
  [
    'more than an answer holds',
    { attributes: Array.from({ length: 9 }, () => ({ name: 'Filter-Id', value: 'x'.repeat(253) })) },
    ['/settings/attributes'],
  ],
  [
    'several at once',
    { networks: [], supportsChallenge: false },
    ['/settings/networks', '/settings/allowPlainApproval'],
  ],
];
test.each(cases)('%s', (_what, changes, wanted) => expect(pointers(changes)).toEqual(wanted));

test('RAD-64: where nothing can be typed the policy has to allow the app', () => {
  const silent: Partial<RadiusClientSettings> = {
    passwords: ['mschapv2'],
    firstFactor: UPSTREAM,
    allowPlainApproval: true,
  };
  expect(pointers(silent, withApp)).toEqual([]);
  expect(pointers(silent, withoutApp)).toEqual(['/settings/applicationId']);
  expect(pointers({ ...silent, passwords: ['mschapv2', 'pap'] }, withoutApp)).toEqual([]);
  expect(pointers({}, withoutApp)).toEqual([]);
});

test('RAD-33: both guards off need the sentence typed; each of the others does not', () => {
  const matrix = (['yes', 'auto', 'no'] as const).flatMap((requireMessageAuthenticator) =>
    [true, false].map((limitProxyState) => {
      const changes = { requireMessageAuthenticator, limitProxyState };
      const refused = pointers(changes);
      expect(pointers(changes, withApp, ACCEPT_FORGEABLE)).toEqual([]);
      expect(pointers(changes, withApp, 'yes')).toEqual(refused);
      return [requireMessageAuthenticator, limitProxyState, refused.join(',')];
    }),
  );
  expect(matrix).toEqual([
    ['yes', true, ''],
    ['yes', false, ''],
    ['auto', true, ''],
    ['auto', false, '/confirmation'],
    ['no', true, ''],
    ['no', false, '/confirmation'],
  ]);
  // Nobody is in between on TLS.
  const overTls = { networks: [], certificates: [{ name: 'vpn.example.com' }] };
  expect(pointers({ ...overTls, requireMessageAuthenticator: 'no', limitProxyState: false })).toEqual([]);
  expect(isForgeable({ ...base, requireMessageAuthenticator: 'auto', limitProxyState: false }, true)).toBe(false);
});

describe('RAD-50: every profile can be used by somebody', () => {
  test.each(RADIUS_PROFILE_NAMES)('%s', (profile) => {
    expect(pointers({ profile, allowPlainApproval: true })).toEqual([]);
    expect(pointers({ profile, firstFactor: UPSTREAM, allowPlainApproval: true })).toEqual([]);
    expect(needsApp({ ...base, profile, appended: { how: 'digits', digits: 6 } })).toBe(false);
  });
});
