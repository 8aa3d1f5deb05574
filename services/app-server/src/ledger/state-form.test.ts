import { describe, expect, test } from 'vitest';
import { INITIAL_STATE, type UserState } from '../challenge/state.ts';
import { decodeRecord, encodeRecord, type LedgerRecord } from './record.ts';
import { readState, RecordUnreadable, STATE_FORMS, storedState } from './state-form.ts';
import { WITH_NEXT_FORM } from './testing/next-form.ts';

const state: UserState = { ...INITIAL_STATE, knownDevices: ['laptop'] };
const record: LedgerRecord = {
  attemptId: 'attempt',
  event: { type: 'user.unblocked', by: 'test', at: 1 } as LedgerRecord['event'],
  state,
  floorAt: 0,
  before: [],
  replica: 'test',
};
const versionIn = (data: Uint8Array) =>
  (JSON.parse(Buffer.from(data).toString()) as { state: { version: unknown } }).state.version;

test('versions and the releases they came with rise', () => {
  const rising = (numbers: number[]) => numbers.toSorted((a, b) => a - b);
  expect(STATE_FORMS.map(({ version }) => version)).toEqual(rising(STATE_FORMS.map(({ version }) => version)));
  expect(STATE_FORMS.map(({ since }) => since)).toEqual(rising(STATE_FORMS.map(({ since }) => since)));
  expect(STATE_FORMS[0]?.since, 'the first release reads it').toBe(1);
});

describe('a build that knows one form more than its neighbour', () => {
  test('writes what the neighbour reads until the upgrade is finalized, and its own from then on', () => {
    const during = encodeRecord(record, 7, WITH_NEXT_FORM);
    expect(versionIn(during)).toBe(1);
    expect(decodeRecord(during)).toEqual(record);
    expect(versionIn(encodeRecord(record, 8, WITH_NEXT_FORM))).toBe(2);
  });

  test.each([7, 8])('reads both forms as the same state, settled on release %i', (settled) => {
    expect(decodeRecord(encodeRecord(record, settled, WITH_NEXT_FORM), WITH_NEXT_FORM)).toEqual(record);
  });

  test('is not read by the neighbour after that, neither from the ledger nor from Postgres', () => {
    const stored = storedState(state, 8, WITH_NEXT_FORM);
    expect(() => readState(stored)).toThrow(RecordUnreadable);
    expect(() => decodeRecord(encodeRecord(record, 8, WITH_NEXT_FORM))).toThrow(RecordUnreadable);
  });
});

test.each([undefined, null, 'state', {}])('%j is no state', (stored) => {
  expect(() => readState(stored)).toThrow(RecordUnreadable);
});
