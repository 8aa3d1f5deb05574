import { MfaError } from '@countersign/contracts';
import { silentLogger } from '@countersign/telemetry';
import { waitUntil } from '@countersign/testkit';
import { expect, test } from 'vitest';
import { createReports } from './reports.ts';
import { createSightings, type Report } from './sightings.ts';

function started() {
  const sightings = createSightings();
  const told: { report: Report; attemptId: string }[] = [];
  const learnt: string[][] = [];
  const state: { error?: Error } = {};
  const reports = createReports({
    sightings,
    tell: (report, attemptId) => {
      told.push({ report, attemptId });
      return state.error === undefined ? Promise.resolve() : Promise.reject(state.error);
    },
    onLearnt: (clientIds) => void learnt.push(clientIds),
    logger: silentLogger(),
    everyMs: 60_000,
  });
  return { sightings, told, learnt, state, reports };
}

test('counts are added up until they are told, and then begin anew', async () => {
  const { sightings, told, reports } = started();
  sightings.count('a', ['udp', 'pap']);
  sightings.count('a', ['udp', 'eap']);
  sightings.retransmission('a', 3000.4, 2);
  sightings.retransmission('a', 5000, 3);
  sightings.retransmission('a', 4000, 2);
  sightings.stranger('192.0.2.1');
  sightings.stranger('192.0.2.1');
  await reports.stop();
  await reports.stop();
  expect(told.map(({ report }) => report)).toEqual([
    {
      clients: [
        {
          clientId: 'a',
          counts: { udp: 2, pap: 1, eap: 1, retransmission: 3 },
          retransmittedAfterMs: [3000, 5000],
          mostTries: 3,
        },
      ],
      strangers: [{ address: '192.0.2.1', packets: 2 }],
    },
  ]);
});

test('strangers are bounded, and those that are counted go on to be', async () => {
  const { sightings, told, reports } = started();
  for (let turn = 0; turn < 2; turn += 1) {
    for (let host = 0; host < 150; host += 1) sightings.stranger(`192.0.2.${host}`);
  }
  await reports.stop();
  expect(told[0]?.report.strangers).toHaveLength(100);
  expect(told[0]?.report.strangers.every(({ packets }) => packets === 2)).toBe(true);
});

test('what app-server could not take is told again as the same attempt, apart from what came since', async () => {
  const { sightings, told, state, reports } = started();
  state.error = new MfaError('UNAVAILABLE');
  sightings.count('a', ['pap']);
  await reports.stop();
  sightings.count('a', ['eap']);
  delete state.error;
  await reports.stop();
  expect(told).toHaveLength(3);
  expect(told[1]).toEqual(told[0]);
  expect(told[2]?.attemptId).not.toBe(told[0]?.attemptId);
  expect(told[2]?.report.clients[0]?.counts).toEqual({ eap: 1 });
});

test.each(['PRIMARY_UNAVAILABLE', 'UNAUTHENTICATED', 'INTERNAL'] as const)(
  'what was learnt outlives %s (RAD-32)',
  async (code) => {
    const { sightings, told, learnt, state, reports } = started();
    state.error = new MfaError(code);
    sightings.learnt('a');
    await reports.stop();
    expect(learnt).toEqual([]);
    delete state.error;
    await reports.stop();
    expect(told[1]).toEqual(told[0]);
    expect(learnt).toEqual([['a']]);
  },
);

test.each(['REQUEST_INVALID', 'FORBIDDEN'] as const)(
  'what gets %s does not stand in the way of the rest',
  async (code) => {
    const { sightings, told, state, reports } = started();
    state.error = new MfaError(code);
    sightings.count('a', ['pap']);
    await reports.stop();
    sightings.count('b', ['pap']);
    await reports.stop();
    expect(told.map(({ report }) => report.clients[0]?.clientId)).toEqual(['a', 'b']);
  },
);

test('what was learnt is told at once (RAD-32)', async () => {
  const { sightings, told, learnt, reports } = started();
  sightings.learnt('a');
  reports.hurry();
  await waitUntil(() => learnt.length > 0, { what: 'it to be told' });
  expect(told[0]?.report.clients).toEqual([{ clientId: 'a', counts: {}, learnt: true }]);
  expect(learnt[0]).toEqual(['a']);
});
