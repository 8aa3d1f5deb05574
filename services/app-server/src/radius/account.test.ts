import { randomBytes } from 'node:crypto';
import { DEFAULT_RADIUS_CLIENT, type RadiusClientSettings } from '@countersign/contracts';
import { createMetrics, type Logger } from '@countersign/telemetry';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { TrailEvent } from '../audit/trail.ts';
import { effectiveSettings } from '../radius-client/effective.ts';
import { requestOf } from '../testing/house.ts';
import { account } from './account.ts';
import { AccountingRates } from './accounting-rates.ts';
import type { EffectiveClient } from './clients.ts';

const CLIENT_ID = '5b0f4e62-8e4a-4a57-9a5c-6cf2ad1c7e11';
const OTHER_ID = '0d3c8a0e-6e2b-4a34-8d0f-70c3a1c1b9d2';
const ALL = ['start', 'interim', 'stop', 'on', 'off', 'other'] as const;
const DAY_MS = 86_400_000;

const clock = { now: 0 };
const trailed: TrailEvent[] = [];
const warn = vi.fn<Logger['warn']>();
let metrics = createMetrics({ service: 'app-server', replica: 'a', processMetrics: false });
let accountingRates: AccountingRates;

beforeEach(() => {
  clock.now = 1000;
  trailed.length = 0;
  warn.mockReset();
  metrics = createMetrics({ service: 'app-server', replica: 'a', processMetrics: false });
  accountingRates = new AccountingRates({ uptime: () => clock.now, logger: { warn }, metrics });
});

function clientWith(changes: Partial<RadiusClientSettings>): (clientId: string) => EffectiveClient {
  const settings: RadiusClientSettings = {
    ...DEFAULT_RADIUS_CLIENT,
    attributes: [],
    groups: [],
    upstreamAttributes: [],
    networks: ['192.0.2.1'],
    applicationId: OTHER_ID,
    ...changes,
  };
  const rest = {
    name: 'gateway',
    version: 1,
    settings,
    secret: randomBytes(16),
    ...effectiveSettings(settings, false),
  };
  return (clientId) => ({ clientId, ...rest });
}

function desk(changes: Partial<RadiusClientSettings> = {}) {
  const deps = {
    radiusClients: { get: clientWith(changes) },
    accountingRates,
    trail: { record: async (event: TrailEvent) => void trailed.push(event) },
    now: () => clock.now,
  };
  return (status: (typeof ALL)[number], clientId = CLIENT_ID) =>
    account(deps, { clientId, status, accessServer: {} }, requestOf({ scopes: ['radius'] }));
}
const statuses = () => trailed.map(({ detail }) => (detail as { status: string }).status);

describe('RAD-75: what of accounting goes into the audit', () => {
  test.each([
    ['by default', {}, ['start', 'stop', 'on', 'off']],
    ['everything', { accounting: 'everything' }, [...ALL]],
    ['none', { accounting: 'none' }, []],
  ] as const)('%s', async (_what, changes, wanted) => {
    const say = desk(changes);
    for (const status of ALL) expect(await say(status)).toEqual({});
    expect(statuses()).toEqual(wanted);
  });
});

describe('RAD-75: a client that floods', () => {
  test('writes no more than 262,000 rows in 30 days', async () => {
    const say = desk();
    for (let quarter = 0; quarter < 96; quarter += 1, clock.now += DAY_MS / 96) {
      // More than a quarter of an hour gives back, and for the first time more than the burst.
      const tries = quarter === 0 ? 2500 : 120;
      for (let count = 0; count < tries; count += 1) await say('start').catch(() => undefined);
    }
    const inADay = trailed.length - 2000;
    expect(inADay).toBeGreaterThan(8000);
    expect(30 * inADay + 2000).toBeLessThanOrEqual(262_000);
  });

  test('hears nothing, costs no other client anything, and is told of once a minute', async () => {
    const say = desk();
    for (let count = 0; count < 2000; count += 1) await say('start');
    const refused = { code: 'TRY_LATER', retryAfterSeconds: 10 };
    for (let count = 0; count < 3; count += 1) await expect(say('start')).rejects.toMatchObject(refused);
    expect(trailed).toHaveLength(2000);
    expect(await say('interim'), 'what is not kept is answered').toEqual({});
    expect(await say('start', OTHER_ID)).toEqual({});
    expect(warn).toHaveBeenCalledTimes(1);
    expect(await metrics.text()).toMatch(/^countersign_radius_accounting_refused_total\S* 3$/m);

    clock.now += 60_000;
    for (let count = 0; count < 6; count += 1) await say('stop');
    await expect(say('stop')).rejects.toMatchObject(refused);
    expect(warn).toHaveBeenCalledTimes(2);
    expect(warn.mock.lastCall).toMatchObject([
      'radius.accounting_refused',
      { clientId: CLIENT_ID, detail: expect.stringMatching(/^3 not kept/) as string },
    ]);
  });
});
