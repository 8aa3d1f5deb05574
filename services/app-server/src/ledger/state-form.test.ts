import { describe, expect, test, vi } from 'vitest';
import { INITIAL_STATE, type UserState } from '../challenge/state.ts';
import { decodeRecord, encodeRecord, type LedgerRecord } from './record.ts';
import { assertKnown, readState, RecordUnreadable, STATE_FORMS, storedState } from './state-form.ts';
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
const on = (number: number) => ({ number, hear: vi.fn<(release: number) => void>() });
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
    const during = encodeRecord(record, on(7), WITH_NEXT_FORM);
    expect(versionIn(during)).toBe(2);
    expect(decodeRecord(during, on(7))).toEqual(record);
    expect(versionIn(encodeRecord(record, on(8), WITH_NEXT_FORM))).toBe(3);
  });

  test.each([7, 8])('reads both forms as the same state, settled on release %i', (settled) => {
    const data = encodeRecord(record, on(settled), WITH_NEXT_FORM);
    expect(decodeRecord(data, on(7), WITH_NEXT_FORM)).toEqual(record);
  });

  test('is not read by the neighbour after that, neither from the ledger nor from Postgres', () => {
    const stored = storedState(state, on(8), WITH_NEXT_FORM);
    expect(() => readState(stored, on(7))).toThrow(RecordUnreadable);
    expect(() => decodeRecord(encodeRecord(record, on(8), WITH_NEXT_FORM), on(7))).toThrow(RecordUnreadable);
  });
});

test('what release 1 left is read, written in its form until release 2 is settled, and used no further than it holds', () => {
  const before = storedState(state, on(1));
  expect(before).toMatchObject({ version: 1 });
  const settled = on(1);
  expect(readState(before, settled)).toEqual(state);
  expect(() => assertKnown(settled)).toThrow(expect.objectContaining({ code: 'UPGRADE_UNFINISHED' }));
  expect(storedState(state, on(2))).toMatchObject({ version: 2 });
  expect(readState(storedState(state, on(2)), settled)).toEqual(state);
  expect(settled.hear).toHaveBeenLastCalledWith(2);
  expect(() => assertKnown(on(2))).not.toThrow();
});

test.each([undefined, null, 'state', {}])('%j is no state', (stored) => {
  expect(() => readState(stored, on(7))).toThrow(RecordUnreadable);
});
