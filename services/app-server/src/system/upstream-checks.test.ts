import { expect, test } from 'vitest';
import { checkUpstream, checkUpstreams } from './upstream-checks.ts';

const WELL = { server: 'nps1:1812', ok: true, ms: 3 };
const SILENT = { server: 'nps2:1812', ok: false, ms: 2000, problem: 'nps2:1812: it did not answer in time' };

test.each([
  ['all answer', [WELL, { ...WELL, ms: 5 }], 'ok', '2 of 2 servers answer, in 5 ms'],
  ['one is silent', [WELL, SILENT], 'warn', /^1 of 2 servers .*nps2:1812: it did not answer/],
  ['all are silent', [SILENT], 'warn', /^1 of 1 servers/],
] as const)('an upstream of which %s', (_, servers, level, detail) => {
  expect(checkUpstream('NPS', servers)).toMatchObject({
    name: 'radius-upstream.NPS',
    level,
    detail: typeof detail === 'string' ? detail : (expect.stringMatching(detail) as string),
  });
});

test('an upstream whose secret no key opens is not asked, and the others are', async () => {
  const asked = { name: 'NPS', checkServers: () => Promise.resolve([WELL]) };
  expect(await checkUpstreams({ all: () => [asked], unopened: () => ['Old NPS'] })).toMatchObject([
    { name: 'radius-upstream.Old NPS', level: 'fail' },
    { name: 'radius-upstream.NPS', level: 'ok' },
  ]);
});
