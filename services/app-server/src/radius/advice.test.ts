import { DEFAULT_RADIUS_CLIENT, type RadiusClientSettings, type RadiusSighting } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { adviceFor, type Advice, type Seen } from './advice.ts';

const DAY_MS = 86_400_000;
const NOW = Date.parse('2026-11-27T12:00:00.000Z');
const ago = (days: number) => NOW - days * DAY_MS;

const base: RadiusClientSettings = {
  ...DEFAULT_RADIUS_CLIENT,
  attributes: [],
  groups: [],
  upstreamAttributes: [],
  networks: ['192.0.2.10'],
  applicationId: '0d3c8a0e-6e2b-4a34-8d0f-70c3a1c1b9d2',
};

/** Sightings by when each was seen first and last, days ago. */
type Days = Partial<Record<RadiusSighting, readonly [first: number, last: number]>>;

interface Case {
  settings?: Partial<RadiusClientSettings>;
  learntDaysAgo?: number;
  secretDaysAgo?: number;
  days?: Days;
  seen?: Omit<Seen, 'sightings'>;
}

function advice({ settings, learntDaysAgo, secretDaysAgo = 100, days = { udp: [3, 0] }, seen }: Case): Advice[] {
  const sightings = Object.fromEntries(
    Object.entries(days).map(([name, [first, last]]) => [name, { packets: 3, firstAt: ago(first), lastAt: ago(last) }]),
  );
  const client = {
    name: 'VPN',
    settings: { ...base, ...settings },
    secretAt: new Date(ago(secretDaysAgo)).toISOString(),
    ...(learntDaysAgo !== undefined && { learntAt: new Date(ago(learntDaysAgo)).toISOString() }),
  };
  return adviceFor(client, { sightings, ...seen }, NOW);
}

const auto = { requireMessageAuthenticator: 'auto' } as const;
const no = { requireMessageAuthenticator: 'no' } as const;
const open = { limitProxyState: false } as const;
const slow = { timeoutSeconds: 60, tries: 1 };

const table: [what: string, wanted: string, given: Case][] = [
  ['a client that signs, seen today', '', { days: { udp: [50, 0], 'message-authenticator': [50, 0] } }],

  ['both guards off (RAD-33)', 'forgeable!', { settings: { ...no, ...open } }],
  ['learning, without the limit', 'forgeable! learning', { settings: { ...auto, ...open } }],
  ['it has learnt', '', { settings: { ...auto, ...open }, learntDaysAgo: 1 }],
  ['over TLS alone', '', { settings: { ...no, ...open, networks: [], certificates: [{ name: 'a.example' }] } }],

  ['another secret', 'wrong-secret!', { days: { 'dropped-message-authenticator-wrong': [1, 0] } }],
  ['another secret for accounting', 'wrong-secret!', { days: { 'dropped-accounting-authenticator': [1, 0] } }],
  [
    'another secret, in two devices',
    'wrong-secret',
    { days: { 'dropped-message-authenticator-wrong': [2, 0.5], 'message-authenticator': [50, 0.4] } },
  ],
  [
    'another secret, mended',
    '',
    { days: { 'dropped-message-authenticator-wrong': [3, 2], 'message-authenticator': [50, 0] } },
  ],
  [
    'another secret, before it got a new one',
    '',
    { secretDaysAgo: 1, days: { 'dropped-message-authenticator-wrong': [3, 2] } },
  ],
  ['another secret, long ago', '', { days: { 'dropped-message-authenticator-wrong': [20, 8] } }],
  ['passwords that are no text', 'wrong-secret', { days: { udp: [50, 0], 'not-utf8': [1, 0] } }],
  ['passwords that were no text', '', { days: { udp: [50, 0], 'not-utf8': [20, 8] } }],

  ['unsigned, and required', 'unsigned-dropped!', { days: { 'dropped-message-authenticator-missing': [1, 0] } }],
  ['unsigned Proxy-State', 'unsigned-dropped!', { days: { 'dropped-proxy-state': [1, 0] } }],
  [
    'unsigned, until it was updated',
    '',
    { days: { 'dropped-message-authenticator-missing': [3, 2], 'message-authenticator': [1, 0] } },
  ],
  [
    'unsigned in its name by somebody else, while it signs',
    'unsigned-dropped',
    { days: { 'dropped-message-authenticator-missing': [0, 0], 'message-authenticator': [50, 1] } },
  ],

  [
    'it gives up before people are',
    'wait-does-not-fit',
    { settings: slow, seen: { retransmittedAfterMs: [4900, 5100], mostTries: 3 } },
  ],
  [
    'it waits as it should',
    '',
    { settings: { timeoutSeconds: 5, tries: 12 }, seen: { retransmittedAfterMs: [4900, 5100], mostTries: 4 } },
  ],
  [
    'it waits longer than it was said',
    '',
    { settings: slow, seen: { retransmittedAfterMs: [10_000, 10_000], mostTries: 6 } },
  ],

  [
    'signed for a month, and nothing unsigned',
    'can-require-message-authenticator',
    { settings: no, days: { 'message-authenticator': [40, 0], 'no-message-authenticator': [90, 31] } },
  ],
  [
    'signed and unsigned',
    '',
    { settings: no, days: { 'message-authenticator': [40, 0], 'no-message-authenticator': [90, 29] } },
  ],
  ['signed since yesterday', '', { settings: no, days: { 'message-authenticator': [1, 0] } }],
  ['learning', 'learning', { settings: auto }],
  ['learnt', '', { settings: auto, learntDaysAgo: 3 }],

  [
    'no Proxy-State for a month',
    'forgeable! can-limit-proxy-state',
    { settings: { ...no, ...open }, days: { udp: [40, 0], 'proxy-state-unsigned': [90, 31] } },
  ],
  [
    'Proxy-State',
    'forgeable!',
    { settings: { ...no, ...open }, days: { udp: [40, 0], 'proxy-state-unsigned': [90, 1] } },
  ],

  ['a long wait, unsigned (RAD-36)', 'long-wait-unsigned', { settings: { ...no, timeoutSeconds: 19, tries: 1 } }],
  ['15 s and no more', '', { settings: { ...no, timeoutSeconds: 18, tries: 1 } }],
  ['a long wait, signed', '', { settings: slow }],

  ['a secret of a year and a day', 'old-secret', { secretDaysAgo: 366 }],
  ['a secret of a year', '', { secretDaysAgo: 365 }],
  ['approvals without a number', 'plain-approval', { settings: { allowPlainApproval: true } }],
  ['strangers get in', 'first-factor-alone', { settings: { requireUserMatch: false } }],
  ['nobody there', 'never-seen', { days: {} }],
];

test.each(table)('RAD-32: advice on %s: %s', (_what, wanted, given) => {
  const found = advice(given).map(({ code, urgent }) => `${code}${urgent ? '!' : ''}`);
  expect(found.join(' ')).toBe(wanted);
});

test('every kind of advice is in the table', () => {
  const codes = new Set(table.flatMap(([, wanted]) => wanted.split(/!? |!$/)).filter(Boolean));
  expect([...codes].toSorted()).toEqual([
    'can-limit-proxy-state',
    'can-require-message-authenticator',
    'first-factor-alone',
    'forgeable',
    'learning',
    'long-wait-unsigned',
    'never-seen',
    'old-secret',
    'plain-approval',
    'unsigned-dropped',
    'wait-does-not-fit',
    'wrong-secret',
  ]);
});

test('a sentence says what to do, and what is urgent comes first', () => {
  const found = advice({ settings: { ...no, ...open, allowPlainApproval: true }, secretDaysAgo: 400 });
  expect(found.map(({ urgent }) => urgent)).toEqual([true, false, false]);
  for (const { sentence } of found) expect(sentence).toMatch(/^[A-Z].+\.$/);
});
