import { MfaError } from '@countersign/contracts';
import { describe, expect, test, vi } from 'vitest';
import type { Decision } from '../challenge/decide.ts';
import type { UserEvent } from '../challenge/events.ts';
import { INITIAL_STATE, type OpenChallenge, type UserState } from '../challenge/state.ts';
import { LedgerContinuity } from './continuity.ts';
import { Ledger } from './ledger.ts';
import type { AppendOutcome, Stored, UserLog } from './log.ts';
import type { LedgerRecord } from './record.ts';
import { RecordUnreadable } from './state-form.ts';
import { StreamModel } from './simulation/log-model.ts';

const BEGIN = Date.UTC(2026, 10, 23, 9, 30);
const ALICE = '0f8fad5b-d9cb-469f-a165-70867728950e';
const BOB = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
const DEADLINE = BEGIN + 5000;

/** What becomes of one append: its acknowledgement is lost, or it never arrives; or it arrives after it was given up. */
type Fate = 'stored' | 'unheard' | 'lost' | 'late';

/** A log to which the test tells what goes wrong. All that is asked of it is written down. */
class FakeLog implements UserLog {
  readonly stream = new StreamModel(BEGIN, false);
  readonly asked: (keyof UserLog)[] = [];
  readonly sent: LedgerRecord[] = [];
  /** Of the next appends; then all are stored. */
  fates: Fate[] = [];
  /** What the replica knows that answers a read which need not go to the leader. */
  staleUpTo = Infinity;
  /** How many of the next reads fail, by their name. */
  failing: { [K in keyof UserLog]?: number } = {};
  beforeAppend: () => void = () => {};
  afterAppend: () => void = () => {};
  onRead: () => void = () => {};
  #late: (() => void)[] = [];

  last(userId: string): Promise<Stored | undefined> {
    return this.#read('last', () => this.stream.last(userId, this.staleUpTo));
  }

  lastFromLeader(userId: string): Promise<Stored | undefined> {
    return this.#read('lastFromLeader', () => this.stream.last(userId));
  }

  successor(userId: string, sequence: number): Promise<Stored | undefined> {
    return this.#read('successor', () => this.stream.successor(userId, sequence, this.staleUpTo));
  }

  at(_userId: string, sequence: number): Promise<Stored | undefined> {
    return this.#read('at', () => this.stream.at(sequence));
  }

  async append(userId: string, record: LedgerRecord, expectedSequence: number): Promise<AppendOutcome> {
    this.asked.push('append');
    this.sent.push(record);
    this.beforeAppend();
    for (const arrive of this.#late.splice(0)) arrive();
    const store = () => this.stream.append(userId, record, expectedSequence, BEGIN);
    const fate = this.fates.shift() ?? 'stored';
    if (fate === 'late') this.#late.push(store);
    const result = fate === 'stored' || fate === 'unheard' ? store() : undefined;
    this.afterAppend();
    return fate === 'stored' && result !== undefined ? result : { outcome: 'unknown' };
  }

  count(name: keyof UserLog): number {
    return this.asked.filter((asked) => asked === name).length;
  }

  async #read(name: keyof UserLog, read: () => Stored | undefined): Promise<Stored | undefined> {
    this.asked.push(name);
    this.onRead();
    const left = this.failing[name] ?? 0;
    this.failing[name] = left - 1;
    if (left > 0) throw new Error('timeout');
    return read();
  }
}

/** One replica on a log of its own, or on that of another. */
function replica({ log = new FakeLog(), random = 1, projected = undefined as UserState | undefined } = {}) {
  let now = BEGIN;
  const waits: number[] = [];
  const planned: { at: number; happens: () => void }[] = [];
  const pass = (ms: number) => {
    now += ms;
    for (const { happens } of planned.splice(0).filter((plan) => now >= plan.at || !planned.push(plan))) happens();
  };
  const uptime = () => now - BEGIN;
  const continuity = new LedgerContinuity({ now: () => now, uptime, onLoss: () => {} });
  continuity.check(0, 0, Infinity);
  const askProjected = vi.fn<() => Promise<UserState | undefined>>(async () => projected);
  const ledger = new Ledger({
    log,
    continuity,
    projected: askProjected,
    replica: 'here',
    now: () => now,
    random: () => random,
    sleep: async (ms) => {
      waits.push(ms);
      pass(ms);
    },
  });
  const act = (attemptId: string, decide: (state: UserState, now: number) => Decision, deadline = DEADLINE) =>
    ledger.act(ALICE, attemptId, decide, { deadline });
  /** @param afterMs from the beginning. */
  const plan = (afterMs: number, happens: () => void) => planned.push({ at: BEGIN + afterMs, happens });
  return { log, ledger, continuity, waits, pass, plan, act, askProjected, now: () => now };
}

/** Decides whatever the state is, and remembers on what. */
function deciding(append: UserEvent) {
  return vi.fn<(state: UserState, now: number) => Decision>(() => ({ append }));
}

const blocked = (reason: string): UserEvent => ({ type: 'user.blocked', reason, by: 'desk' });
const refusal = new MfaError('CHALLENGE_NOT_FOUND');
const unavailable = (reason: string) => ({ code: 'UNAVAILABLE', reason });
const wrongCode: UserEvent = {
  type: 'code.rejected',
  key: 'k',
  applicationId: 'a',
  method: 'totp',
  reason: 'wrong',
  lane: 'anywhere',
  attempts: { inARow: 1, waitUntil: 0, fullUntil: 0 },
};

/** What another replica does meanwhile. */
function meanwhile(log: FakeLog, attemptId: string, state: Partial<UserState> = {}, floorAt = 0): number {
  const record: LedgerRecord = {
    attemptId,
    event: { ...blocked(attemptId), at: BEGIN },
    state: { ...INITIAL_STATE, ...state },
    floorAt,
    before: [],
    replica: 'other',
  };
  const result = log.stream.append(ALICE, record, log.stream.last(ALICE)?.sequence ?? 0, BEGIN);
  return result.outcome === 'stored' ? result.sequence : 0;
}

function openChallenge(key: string): OpenChallenge {
  return {
    key,
    applicationId: 'a',
    purpose: 'login',
    method: 'totp',
    digits: 6,
    sends: 0,
    sentAt: BEGIN,
    createdAt: BEGIN,
    expiresAt: BEGIN + 300_000,
  };
}

function attempts(log: FakeLog): string[] {
  return log.stream.everStored.map(({ record }) => record.attemptId);
}

describe('one decision', () => {
  test('is recorded with what it was decided on, and told with its place', async () => {
    const { act, log } = replica();
    await act('first', deciding(blocked('one')));
    const decide = deciding({ type: 'user.unblocked', reason: 'two', by: 'desk' });
    const told = await act('second', decide);
    expect(decide).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ blocked: expect.anything() }), BEGIN, {
      at: 0,
    });
    expect(told).toMatchObject({ event: { type: 'user.unblocked', at: BEGIN }, state: INITIAL_STATE, sequence: 2 });
    expect(log.stream.last(ALICE)?.record).toMatchObject({
      event: told.event,
      state: told.state,
      before: [['first', 1]],
    });
  });

  test('of one user leaves the others alone', async () => {
    const { act, ledger, log } = replica();
    await act('first', deciding(blocked('one')));
    const decide = deciding(blocked('bob'));
    await ledger.act(BOB, 'first', decide, { deadline: DEADLINE });
    expect(decide).toHaveBeenCalledExactlyOnceWith(INITIAL_STATE, BEGIN, { at: 0 });
    expect(log.stream.last(BOB)?.record.before).toEqual([]);
  });
});

describe('an acknowledgement that was lost', () => {
  test('INV-5 is found by its attempt and told once, not appended twice', async () => {
    const { act, log } = replica();
    log.fates = ['unheard'];
    const decide = deciding(blocked('once'));
    expect(await act('mine', decide)).toMatchObject({ event: { reason: 'once' }, sequence: 1 });
    expect([log.count('append'), attempts(log), decide.mock.calls.length]).toEqual([1, ['mine'], 1]);
  });

  test('is found as well when the replica that is asked does not know of it yet: the append is refused, and it is asked again', async () => {
    const { act, log } = replica();
    log.fates = ['unheard'];
    log.staleUpTo = 0;
    log.afterAppend = () => {
      if (log.sent.length === 2) log.staleUpTo = Infinity;
    };
    expect(await act('mine', deciding(blocked('once')))).toMatchObject({ sequence: 1 });
    expect([log.count('append'), attempts(log)]).toEqual([2, ['mine']]);
  });

  test('of an append that never arrived: the same record is sent again for the same place', async () => {
    const { act, log, pass } = replica();
    log.fates = ['lost'];
    log.afterAppend = () => pass(1000);
    const decide = deciding(blocked('once'));
    expect(await act('mine', decide)).toMatchObject({ event: { at: BEGIN }, sequence: 1 });
    expect(decide).toHaveBeenCalledOnce();
    expect(log.sent[1]).toBe(log.sent[0]);
    expect(attempts(log)).toEqual(['mine']);
  });

  test.each([
    ['is a little ahead of ours', 15_000, BEGIN + 15_000],
    ['is behind ours', -15_000, BEGIN],
    ['is far from now', 120_000, BEGIN],
  ])(
    'what follows is dated no earlier than what it follows: the clock of the other replica %s',
    async (_, aheadMs, at) => {
      const log = new FakeLog();
      const other = replica({ log });
      other.pass(aheadMs);
      await other.act('theirs', deciding(blocked('theirs')), DEADLINE + aheadMs);
      const { act } = replica({ log });
      expect(await act('mine', deciding(blocked('mine')))).toMatchObject({ event: { at }, sequence: 2 });
    },
  );

  test('of an append that arrives late, beside its own repetition: it is there once, and told', async () => {
    const { act, log } = replica();
    log.fates = ['late', 'stored'];
    expect(await act('mine', deciding(blocked('once')))).toMatchObject({ sequence: 1 });
    expect(attempts(log)).toEqual(['mine']);
  });

  test('of an append whose place another attempt took: it did not happen, and is decided again', async () => {
    const { act, log } = replica();
    log.fates = ['lost'];
    log.afterAppend = () => {
      if (log.sent.length === 1) meanwhile(log, 'other', { disabled: true });
    };
    const decide = deciding(blocked('mine'));
    expect(await act('mine', decide)).toMatchObject({ sequence: 2, state: { disabled: true } });
    expect(decide.mock.calls.map(([state]) => state.disabled)).toEqual([undefined, true]);
    expect(attempts(log)).toEqual(['other', 'mine']);
  });

  test('while nobody can be asked who took the place: the append is repeated, not decided again', async () => {
    const { act, log } = replica();
    log.fates = ['unheard', 'stored'];
    log.failing = { successor: 1 };
    const decide = deciding(blocked('once'));
    expect(await act('mine', decide)).toMatchObject({ sequence: 1 });
    expect([attempts(log), decide.mock.calls.length]).toEqual([['mine'], 1]);
  });

  test('R6 is not made up for: when nothing is ever acknowledged nobody hears yes', async () => {
    const { act, log, now } = replica();
    log.fates = Array<Fate>(100).fill('lost');
    await expect(act('mine', deciding(blocked('never')))).rejects.toMatchObject(unavailable('append unacknowledged'));
    // Somebody waits until then, and a new leader may be elected meanwhile.
    expect(now()).toBeGreaterThanOrEqual(DEADLINE);
  });
});

describe('a place that is taken', () => {
  test('HA-10 the state is read again from the leader and decided on again', async () => {
    const { act, log } = replica();
    log.beforeAppend = () => {
      if (log.sent.length === 1) log.staleUpTo = meanwhile(log, 'other', { disabled: true }) - 1;
    };
    const decide = vi.fn<(state: UserState) => Decision>(({ disabled }) =>
      disabled === true ? { refuse: refusal } : { append: blocked('mine') },
    );
    await expect(act('mine', decide)).rejects.toBe(refusal);
    expect(decide).toHaveBeenCalledTimes(2);
    expect(log.asked).toEqual(['last', 'append', 'lastFromLeader']);
    expect(attempts(log)).toEqual(['other']);
  });

  test('HA-15 for ever: UNAVAILABLE after eight tries, each decided anew', async () => {
    const { act, log } = replica();
    let others = 0;
    log.beforeAppend = () => void meanwhile(log, `other ${others++}`);
    const decide = deciding(blocked('mine'));
    await expect(act('mine', decide)).rejects.toMatchObject(unavailable('append contended'));
    expect([log.count('append'), decide.mock.calls.length]).toEqual([8, 8]);
    expect(attempts(log)).not.toContain('mine');
  });

  test.each([
    [1, [4, 8, 16, 32, 64, 128, 256, 400]],
    [0.5, [3, 6, 12, 24, 48, 96, 192, 300]],
    [0, [2, 4, 8, 16, 32, 64, 128, 200]],
  ])('HA-15 the waits double up to a bound, with jitter (random number %d)', async (random, expected) => {
    const { act, log, waits } = replica({ random });
    let others = 0;
    log.beforeAppend = () => void meanwhile(log, `other ${others++}`);
    await expect(act('mine', deciding(blocked('mine')))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(waits).toEqual(expected);
  });
});

describe('a no', () => {
  test('HA-11 from a read that was old is asked again of the leader before it is believed', async () => {
    const { act, log } = replica();
    log.staleUpTo = meanwhile(log, 'before');
    meanwhile(log, 'later', { knownDevices: ['home'] });
    const decide = vi.fn<(state: UserState) => Decision>(({ knownDevices }) =>
      knownDevices.length === 0 ? { refuse: refusal } : { append: blocked('mine') },
    );
    expect(await act('mine', decide)).toMatchObject({ sequence: 3 });
    expect(decide).toHaveBeenCalledTimes(2);
    expect(log.asked).toEqual(['last', 'lastFromLeader', 'append']);
  });

  test('HA-11 from a user nobody seemed to know is asked again as well', async () => {
    const { act, log } = replica();
    log.staleUpTo = 0;
    meanwhile(log, 'first', { knownDevices: ['home'] });
    const decide = vi.fn<(state: UserState) => Decision>(({ knownDevices }) =>
      knownDevices.length === 0 ? { refuse: refusal } : { append: blocked('mine') },
    );
    expect(await act('mine', decide)).toMatchObject({ sequence: 2 });
  });

  test('that the leader confirms is final: decided once, and nothing is appended', async () => {
    const { act, log } = replica();
    meanwhile(log, 'before');
    const decide = vi.fn<() => Decision>(() => ({ refuse: refusal }));
    await expect(act('mine', decide)).rejects.toBe(refusal);
    expect(decide).toHaveBeenCalledOnce();
    expect(log.asked).toEqual(['last', 'lastFromLeader']);
  });

  test('on what the leader said is final: it is not asked a second time', async () => {
    const { act, log } = replica();
    log.staleUpTo = meanwhile(log, 'before');
    meanwhile(log, 'later');
    const decide = vi.fn<() => Decision>(() => ({ refuse: refusal }));
    await expect(act('mine', decide)).rejects.toBe(refusal);
    expect(decide).toHaveBeenCalledTimes(2);
    expect(log.asked).toEqual(['last', 'lastFromLeader']);
  });
});

const lettingIn: [string, UserEvent][] = [
  [
    'challenge.approved',
    {
      type: 'challenge.approved',
      key: 'k',
      applicationId: 'a',
      purpose: 'login',
      method: 'totp',
      authenticatorId: 't',
      attemptId: 'mine',
      step: 7,
    },
  ],
  ['bypass.granted', { type: 'bypass.granted', expiresAt: BEGIN + 60_000, reason: 'lost phone', by: 'desk' }],
  [
    'bypass.used',
    { type: 'bypass.used', key: 'k', applicationId: 'a', attemptId: 'mine', expiresAt: BEGIN + 60_000, by: 'desk' },
  ],
];

describe('the same attempt repeated', () => {
  async function others(act: ReturnType<typeof replica>['act'], count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) await act(`other ${index}`, deciding(wrongCode));
  }

  test.each([0, 1, 8])('INV-5 hears the first event, also when %d others came between', async (count) => {
    const { act, log } = replica();
    const first = await act('mine', deciding(blocked('first')));
    await others(act, count);
    const decide = deciding(blocked('second'));
    expect(await act('mine', decide)).toEqual(first);
    expect(decide).not.toHaveBeenCalled();
    expect(attempts(log)).toHaveLength(1 + count);
  });

  test('INV-5 on another replica whose read is old: it is found when the append is refused', async () => {
    const { act, log } = replica();
    const first = await act('mine', deciding(blocked('first')));
    log.staleUpTo = 0;
    expect(await replica({ log }).act('mine', deciding(blocked('second')))).toEqual(first);
    expect(attempts(log)).toEqual(['mine']);
  });

  test.each(lettingIn)('INV-5 hears the first %s, also when 30 wrong codes came between', async (_, event) => {
    const { act, log } = replica();
    const first = await act('mine', deciding(event));
    await others(act, 30);
    const decide = deciding(event);
    expect(await act('mine', decide)).toEqual(first);
    expect(decide).not.toHaveBeenCalled();
    expect(log.count('at')).toBe(1);
  });

  test('of a yes is known also when three further yes came between; the record stays small', async () => {
    const { act, log } = replica();
    const grant = lettingIn[1]![1];
    const first = await act('mine', deciding(grant));
    for (const another of ['a', 'b', 'c']) {
      await others((attemptId, decide) => act(`${another} ${attemptId}`, decide), 20);
      await act(another, deciding(grant));
    }
    await others(act, 20);
    expect(await act('mine', deciding(grant))).toEqual(first);
    for (const another of ['d', 'e', 'f']) await act(another, deciding(grant));
    await others((attemptId, decide) => act(`late ${attemptId}`, decide), 20);
    const before = log.stream.last(ALICE)?.record.before ?? [];
    expect(before).toHaveLength(8 + 4);
    expect(before.filter(([, , said]) => said === 'yes').map(([attempt]) => attempt)).toEqual(['f', 'e', 'd', 'c']);
  });

  test('whose first event cannot be read is not decided again', async () => {
    const { act, log } = replica();
    await act('mine', deciding(blocked('first')));
    await others(act, 2);
    vi.spyOn(log, 'at').mockResolvedValue(undefined);
    const decide = deciding(blocked('second'));
    await expect(act('mine', decide)).rejects.toMatchObject(unavailable('earlier attempt unread'));
    expect(decide).not.toHaveBeenCalled();
  });
});

describe('after the deadline nothing is appended', () => {
  test('R6 when deciding took too long', async () => {
    const { act, log, pass } = replica();
    const decide = vi.fn<() => Decision>(() => {
      pass(5000);
      return { append: blocked('late') };
    });
    await expect(act('mine', decide)).rejects.toMatchObject(unavailable('append unacknowledged'));
    expect(log.count('append')).toBe(0);
  });

  test('nor is an append repeated', async () => {
    const { act, log, pass } = replica();
    log.fates = Array<Fate>(100).fill('lost');
    log.afterAppend = () => pass(1800);
    await expect(act('mine', deciding(blocked('late')))).rejects.toMatchObject(unavailable('append unacknowledged'));
    expect(log.count('append')).toBe(3);
  });

  test('INV-6 nor later than 10 s after it was asked, whatever the deadline', async () => {
    const { act, log, pass } = replica();
    let reads = 0;
    log.onRead = () => pass(reads++ === 0 ? 10_000 : 0);
    await expect(act('mine', deciding(blocked('late')), Infinity)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(log.count('append')).toBe(0);
    // A new question has new time.
    expect(await act('mine', deciding(blocked('in time')), Infinity)).toMatchObject({ sequence: 1 });
  });
});

describe('while it is not proven that the ledger lost nothing (HA-20)', () => {
  test('a login waits, and goes on as soon as it is', async () => {
    const { act, continuity, log, plan, now } = replica();
    continuity.doubt();
    plan(300, () => continuity.check(log.stream.lastSequence, 0, Infinity));
    expect(await act('mine', deciding(blocked('mine')))).toMatchObject({ event: { at: now() }, sequence: 1 });
    expect(now() - BEGIN).toBeGreaterThanOrEqual(300);
    expect(now() - BEGIN).toBeLessThan(340);
  });

  test('nothing is read, decided or appended until its deadline; then it is UNAVAILABLE', async () => {
    const { act, continuity, log, now } = replica();
    continuity.doubt();
    const decide = deciding(blocked('mine'));
    await expect(act('mine', decide)).rejects.toMatchObject(unavailable('ledger continuity unproven'));
    expect(decide).not.toHaveBeenCalled();
    expect(log.asked).toEqual([]);
    expect(DEADLINE - now()).toBeGreaterThanOrEqual(0);
    expect(DEADLINE - now()).toBeLessThanOrEqual(20);
  });

  test('nobody hears yes, though it is appended; the same attempt hears it when it is proven', async () => {
    const { act, continuity, log, pass } = replica();
    log.afterAppend = () => continuity.doubt();
    await expect(act('mine', deciding(blocked('mine')))).rejects.toMatchObject(
      unavailable('ledger continuity unproven'),
    );
    expect(attempts(log)).toEqual(['mine']);
    continuity.check(log.stream.lastSequence, 1, Infinity);
    pass(1000);
    const again = deciding(blocked('again'));
    expect(await act('mine', again, DEADLINE + 10_000)).toMatchObject({ event: { reason: 'mine' }, sequence: 1 });
    expect(again).not.toHaveBeenCalled();
  });

  test('a doubt that is over before the deadline costs only time', async () => {
    const { act, continuity, log, plan } = replica();
    log.afterAppend = () => continuity.doubt();
    plan(1000, () => continuity.check(log.stream.lastSequence, 1, Infinity));
    expect(await act('mine', deciding(blocked('mine')))).toMatchObject({ sequence: 1 });
  });

  test('what was recorded earlier is not told either', async () => {
    const { act, continuity, log } = replica();
    await act('mine', deciding(blocked('mine')));
    log.onRead = () => continuity.doubt();
    await expect(act('mine', deciding(blocked('mine')))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('when the ledger lost something (HA-20)', () => {
  const FLOOR = BEGIN - 1000;
  const before: Partial<UserState> = {
    open: [openChallenge('old')],
    closed: [{ key: 'c', applicationId: 'a', method: 'totp', state: 'approved', expiresAt: BEGIN, attemptId: 'x' }],
    bypass: { expiresAt: BEGIN + 60_000, by: 'desk' },
    factors: { t: { lastStep: 7, driftSteps: 1 } },
    disabled: true,
  };
  const restored = { ...INITIAL_STATE, factors: before.factors, disabled: true };

  test('between the append and the answer, what was decided before is not told, to nobody and never', async () => {
    const { act, continuity, log } = replica();
    log.afterAppend = () => continuity.raise({ at: BEGIN + 1 });
    await expect(act('mine', deciding(blocked('mine')))).rejects.toMatchObject(unavailable('decided before a loss'));
    expect(attempts(log)).toEqual(['mine']);
    await expect(act('mine', deciding(blocked('mine')))).rejects.toMatchObject(unavailable('decided before a loss'));
  });

  test('an acknowledgement that goes back shows it: UNAVAILABLE, and the floor is risen', async () => {
    const { act, continuity, log } = replica();
    continuity.check(9, 9, Infinity);
    await expect(act('mine', deciding(blocked('mine')))).rejects.toMatchObject(unavailable('ledger went back'));
    expect(continuity.floor()).toEqual({ at: BEGIN });
    expect(attempts(log)).toEqual(['mine']);
  });

  test.each([
    ['found at once', Infinity],
    ['found when its repetition is refused', 0],
  ])('the same goes for one whose acknowledgement was lost (%s)', async (_, staleUpTo) => {
    const { act, continuity, log } = replica();
    continuity.check(9, 9, Infinity);
    log.fates = ['unheard'];
    log.staleUpTo = staleUpTo;
    log.afterAppend = () => {
      if (log.sent.length === 2) log.staleUpTo = Infinity;
    };
    await expect(act('mine', deciding(blocked('mine')))).rejects.toMatchObject(unavailable('ledger went back'));
    expect(continuity.floor().at).toBeGreaterThanOrEqual(BEGIN);
  });

  test('a record from before goes on from what of it still counts', async () => {
    const { act, continuity, log } = replica();
    meanwhile(log, 'before', before);
    continuity.raise({ at: FLOOR });
    const decide = deciding({ type: 'user.enabled', by: 'desk' });
    const { state } = await act('mine', decide);
    expect(decide).toHaveBeenCalledExactlyOnceWith(restored, BEGIN, { at: FLOOR });
    expect(state).toEqual({ ...INITIAL_STATE, factors: before.factors });
    expect(log.stream.last(ALICE)?.record.floorAt).toBe(FLOOR);
  });

  test('a record from after it counts in full, and tells those of the loss who have not heard', async () => {
    const { act, continuity, log } = replica();
    meanwhile(log, 'after', before, FLOOR);
    const decide = deciding({ type: 'user.enabled', by: 'desk' });
    await act('mine', decide);
    expect(decide).toHaveBeenCalledExactlyOnceWith({ ...INITIAL_STATE, ...before }, BEGIN, { at: FLOOR });
    expect(continuity.floor()).toEqual({ at: FLOOR });
    expect(log.stream.last(ALICE)?.record.floorAt).toBe(FLOOR);
  });

  test('a user whose subject holds no message starts from what was projected', async () => {
    const { act, log } = replica({ projected: { ...INITIAL_STATE, ...before } });
    const decide = deciding(blocked('mine'));
    expect(await act('mine', decide)).toMatchObject({ sequence: 1, state: { factors: before.factors, open: [] } });
    expect(decide).toHaveBeenCalledExactlyOnceWith(restored, BEGIN, { at: 0 });
    expect(log.stream.last(ALICE)?.record.state.factors).toEqual(before.factors);
  });

  test('a user whose subject holds a message is not asked for in Postgres', async () => {
    const { act, log, askProjected } = replica({ projected: { ...INITIAL_STATE, disabled: true } });
    meanwhile(log, 'before');
    expect((await act('mine', deciding(blocked('mine')))).state.disabled).toBeUndefined();
    expect(askProjected).not.toHaveBeenCalled();
  });
});

test('HA-20 nothing is appended while it is in doubt whether the ledger went back: it would hide how much is missing', async () => {
  const { act, log, continuity, plan } = replica();
  log.failing = { last: Infinity };
  plan(500, () => {
    continuity.doubt();
    log.failing = {};
  });
  await expect(act('mine', deciding(blocked('mine')))).rejects.toMatchObject(unavailable('ledger continuity unproven'));
  expect(log.count('append')).toBe(0);
});

describe('a read that fails', () => {
  const reads: [keyof UserLog, (acting: ReturnType<typeof replica>) => Promise<unknown>][] = [
    ['last', ({ act }) => act('mine', deciding(blocked('mine')))],
    [
      'lastFromLeader',
      ({ act, log }) => {
        log.staleUpTo = meanwhile(log, 'before');
        meanwhile(log, 'later', { disabled: true });
        return act('mine', ({ disabled }) => (disabled === true ? { append: blocked('mine') } : { refuse: refusal }));
      },
    ],
    [
      'at',
      async ({ act }) => {
        await act('mine', deciding(blocked('mine')));
        await act('other', deciding(wrongCode));
        return act('mine', deciding(blocked('again')));
      },
    ],
  ];

  test.each(reads)('%s: is repeated', async (name, ask) => {
    const acting = replica();
    acting.log.failing = { [name]: 2 };
    await expect(ask(acting)).resolves.toMatchObject({ event: { reason: 'mine' } });
    expect(acting.waits).toEqual([4, 8]);
  });

  test.each(reads)('%s: while a new leader is elected, for as long as somebody waits', async (name, ask) => {
    const acting = replica();
    acting.log.failing = { [name]: Infinity };
    acting.plan(DEADLINE - BEGIN - 1000, () => (acting.log.failing = {}));
    await expect(ask(acting)).resolves.toMatchObject({ event: { reason: 'mine' } });
  });

  test.each(reads)('%s: until the deadline is UNAVAILABLE', async (name, ask) => {
    const acting = replica();
    acting.log.failing = { [name]: Infinity };
    await expect(ask(acting)).rejects.toMatchObject(unavailable('ledger unread'));
    expect(acting.now()).toBeGreaterThanOrEqual(DEADLINE);
    expect(acting.now()).toBeLessThan(DEADLINE + 1000);
  });

  test('of what is not one of ours is not repeated: it would say the same', async () => {
    const acting = replica();
    vi.spyOn(acting.log, 'last').mockRejectedValue(new RecordUnreadable('of a newer version'));
    await expect(acting.act('mine', deciding(blocked('mine')))).rejects.toMatchObject(unavailable('ledger unread'));
    expect(acting.waits).toEqual([]);
  });

  test('R6 decides nothing', async () => {
    const { act, log } = replica();
    log.failing = { last: Infinity };
    const decide = deciding(blocked('mine'));
    await expect(act('mine', decide)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 2 });
    expect(decide).not.toHaveBeenCalled();
    expect(log.count('append')).toBe(0);
  });
});

test('a look is as any replica knows it, in doubt as well, and asks the leader nothing', async () => {
  const { ledger, continuity, log } = replica();
  log.staleUpTo = meanwhile(log, 'before', { knownDevices: ['home'] });
  meanwhile(log, 'later');
  continuity.doubt();
  expect(await ledger.peek(ALICE)).toMatchObject({ knownDevices: ['home'] });
  expect(log.asked).toEqual(['last']);
});

test('a look is tried for as long as who looks can wait, and two seconds unless they say', async () => {
  const { ledger, log } = replica();
  meanwhile(log, 'before', { knownDevices: ['home'] });
  log.failing = { last: Infinity };
  await expect(ledger.peek(ALICE)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  const inTwoSeconds = log.count('last');
  log.failing = { last: 2 * inTwoSeconds };
  expect(await ledger.peek(ALICE, undefined, DEADLINE + 10_000)).toMatchObject({ knownDevices: ['home'] });
});

test('HA-11 a look that does not show what is looked for may be old, and the leader is asked before it is believed', async () => {
  const { ledger, log } = replica();
  log.staleUpTo = meanwhile(log, 'before', { knownDevices: ['home'] });
  meanwhile(log, 'later', { knownDevices: ['work'] });
  const shows = (device: string) => (state: UserState) => state.knownDevices.includes(device);
  expect(await ledger.peek(ALICE, shows('home'))).toMatchObject({ knownDevices: ['home'] });
  expect(log.asked).toEqual(['last']);
  expect(await ledger.peek(ALICE, shows('work'))).toMatchObject({ knownDevices: ['work'] });
  expect(await ledger.peek(ALICE, shows('nowhere'))).toMatchObject({ knownDevices: ['work'] });
  expect(log.asked).toEqual(['last', 'last', 'lastFromLeader', 'last', 'lastFromLeader']);
});
