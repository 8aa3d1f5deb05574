import type { Policy } from '@countersign/contracts';
import type { Metrics } from '@countersign/telemetry';
import type { KeyRing } from '../keys/ring.ts';
import { countryOf, refuseDestination, type DestinationRefusal } from './destination.ts';
import type { Change, LimitStore } from './limit-store.ts';
import { BUDGET_REFUSALS } from './metrics.ts';
import { EMPTY_WINDOW, giveBack, take, type Limit, type Window } from './window.ts';

/** The part of the policy that bounds what is sent. */
export type MessageLimits = Pick<
  Policy['messages'],
  'prefixes' | 'perNumberHour' | 'perNumberDay' | 'perPrefixHour' | 'perDay'
>;

/** A number in E.164, or a decoy's name: somebody who has no phone, or does not exist. */
type SendTarget =
  | string
  | { decoy: string }
  /** A number that is told something: from a budget of its own, so that neither codes nor notices keep the others back. */
  | { notice: string }
  /** A person who gets mail: as many as a number gets messages, and they cost nothing else. */
  | { mail: string };

export type BudgetRefusal =
  | 'person_hour'
  | 'person_day'
  | 'number_hour'
  | 'number_day'
  | 'prefix_hour'
  | 'day'
  | DestinationRefusal;

export type Reserved = { ok: true } | { ok: false; retryAfterSeconds: number; reason: BudgetRefusal };

export interface SendBudgets {
  /**
   * Takes one message out of every budget, before anything is sent (TEL-42, R23). What was taken is not given back when the
   * message turns out not to be sent: a carrier's refusal may cost as well.
   * @param now milliseconds.
   * @param person who chose the number, when it is not one that counts already: they have as much as one number has, so that nobody
   * spends what all live on by naming one number after another.
   * @throws MfaError UNAVAILABLE when the budgets cannot be reached: then nothing may be sent.
   */
  reserve(target: SendTarget, limits: MessageLimits, now: number, person?: string): Promise<Reserved>;
}

export interface BudgetDependencies {
  store: LimitStore;
  ring: Pick<KeyRing, 'mac'>;
  randomBytes: (size: number) => Buffer;
  metrics: Metrics;
}

/** Of a number, or of a person. */
interface HourAndDay {
  v: 1;
  hour: Window;
  day: Window;
}
interface CountRecord {
  v: 1;
  window: Window;
}
type Outcome = { ok: true; undo: () => Promise<void> } | Extract<Reserved, { ok: false }>;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Every message spends from the day's budget, so it is split over so many subjects that replicas seldom meet on one. */
export const DAY_SHARDS = 8;

/**
 * The person first, then the number, the rest after them and in parallel. So somebody who asks for codes to one number again and
 * again is refused at that number, and takes nothing from the budgets that others live on. When a later budget refuses, what the
 * others took is given back; if that fails, one message less may be sent until the window has passed.
 */
export function createBudgets({ store, ring, randomBytes, metrics }: BudgetDependencies): SendBudgets {
  const refusals = metrics.counter(BUDGET_REFUSALS);

  return {
    async reserve(target, limits, now, person) {
      const reserved = await reserveAll(target, limits, now, person);
      if (!reserved.ok) refusals.inc({ reason: reserved.reason });
      return reserved;
    },
  };

  async function reserveAll(
    target: SendTarget,
    limits: MessageLimits,
    now: number,
    person: string | undefined,
  ): Promise<Reserved> {
    const phone = phoneOf(target);
    const reason = phone === undefined ? undefined : refuseDestination(phone, limits.prefixes);
    if (reason !== undefined) return { ok: false, retryAfterSeconds: DAY_MS / 1000, reason };

    if (person === undefined) return reserveTarget(target, limits, now);
    const own = await reserveHourAndDay(keyOf('person', person), 'person', limits, now);
    if (!own.ok) return own;
    return reserveTarget(target, limits, now).then(
      async (reserved) => {
        if (!reserved.ok) await own.undo();
        return reserved;
      },
      async (error: unknown) => {
        await own.undo();
        throw error;
      },
    );
  }

  async function reserveTarget(target: SendTarget, limits: MessageLimits, now: number): Promise<Reserved> {
    const phone = phoneOf(target);
    const number = await reserveHourAndDay(keyOfTarget(target), 'number', limits, now);
    if (!number.ok) return number;
    if (typeof target === 'object' && 'mail' in target) return { ok: true };
    const taken = await Promise.all([
      reserveCountry(phone, limits, now),
      reserveDay(phone !== undefined, limits, now),
    ]).catch(async (error: unknown) => {
      await number.undo();
      throw error;
    });
    const refused = taken.find((outcome) => !outcome.ok);
    if (refused === undefined) return { ok: true };
    await Promise.all([number, ...taken].map((outcome) => (outcome.ok ? outcome.undo() : Promise.resolve())));
    return refused;
  }

  /** A keyed hash: whoever reads the stream learns no number and cannot try numbers out (R24). */
  function keyOf(kind: 'number' | 'decoy' | 'person' | 'notice' | 'mail', name: string): string {
    const subject = kind === 'person' ? 'person' : 'number';
    return `${subject}.${ring.mac('message-budget', kind, name).toString('base64url').slice(0, 22)}`;
  }

  function keyOfTarget(target: SendTarget): string {
    if (typeof target === 'string') return keyOf('number', target);
    if ('decoy' in target) return keyOf('decoy', target.decoy);
    return 'notice' in target ? keyOf('notice', target.notice) : keyOf('mail', target.mail);
  }

  /** Both windows are one record, so that both are taken by one append. */
  function reserveHourAndDay(
    key: string,
    of: 'person' | 'number',
    limits: MessageLimits,
    now: number,
  ): Promise<Outcome> {
    return store.update<HourAndDay, Outcome>(key, (record): Change<HourAndDay, Outcome> => {
      const hour = take(record?.hour ?? EMPTY_WINDOW, now, { limit: limits.perNumberHour, periodMs: HOUR_MS });
      const day = take(record?.day ?? EMPTY_WINDOW, now, { limit: limits.perNumberDay, periodMs: DAY_MS });
      if (!day.ok) return { result: refuse(`${of}_day`, day.retryAfterMs) };
      if (!hour.ok) return { result: refuse(`${of}_hour`, hour.retryAfterMs) };
      const undo = () =>
        giveUp<HourAndDay>(key, (newer) => ({
          v: 1,
          hour: giveBack(newer.hour, hour.tick),
          day: giveBack(newer.day, day.tick),
        }));
      return { record: { v: 1, hour: hour.window, day: day.window }, result: { ok: true, undo } };
    });
  }

  /** A decoy looks at the budget of the first allowed prefix, so that it fares like a real number when that one is spent. */
  function reserveCountry(phone: string | undefined, limits: MessageLimits, now: number): Promise<Outcome> {
    const country = countryOf(phone ?? `${limits.prefixes[0] ?? '+'}0000000`);
    const limit = { limit: limits.perPrefixHour, periodMs: HOUR_MS };
    return reserveOne(`prefix.${country}`, 'prefix_hour', phone !== undefined, limit, now);
  }

  /** The shares of all shards add up to the budget exactly. A spent shard sends on to the next. */
  async function reserveDay(counts: boolean, limits: MessageLimits, now: number): Promise<Outcome> {
    const start = randomBytes(1).readUInt8(0);
    let soonest: Extract<Outcome, { ok: false }> | undefined;
    for (let n = 0; n < DAY_SHARDS; n++) {
      const shard = (start + n) % DAY_SHARDS;
      const share = Math.floor(limits.perDay / DAY_SHARDS) + (shard < limits.perDay % DAY_SHARDS ? 1 : 0);
      if (share === 0) continue;
      const outcome = await reserveOne(`day.${shard}`, 'day', counts, { limit: share, periodMs: DAY_MS }, now);
      if (outcome.ok) return outcome;
      if (soonest === undefined || outcome.retryAfterSeconds < soonest.retryAfterSeconds) soonest = outcome;
    }
    return soonest ?? refuse('day', DAY_MS);
  }

  /** A decoy that finds room writes the record back as it was: nothing is spent, and it takes as long (R21). */
  function reserveOne(
    key: string,
    reason: BudgetRefusal,
    counts: boolean,
    limit: Limit,
    now: number,
  ): Promise<Outcome> {
    return store.update<CountRecord, Outcome>(key, (record): Change<CountRecord, Outcome> => {
      const window = record?.window ?? EMPTY_WINDOW;
      const taken = take(window, now, limit);
      if (!taken.ok) return { result: refuse(reason, taken.retryAfterMs) };
      if (!counts) return { record: { v: 1, window }, result: { ok: true, undo: async () => undefined } };
      const undo = () => giveUp<CountRecord>(key, (newer) => ({ v: 1, window: giveBack(newer.window, taken.tick) }));
      return { record: { v: 1, window: taken.window }, result: { ok: true, undo } };
    });
  }

  async function giveUp<Value>(key: string, change: (record: Value) => Value): Promise<void> {
    await store
      .update<Value, void>(key, (record) => ({
        ...(record !== undefined && { record: change(record) }),
        result: undefined,
      }))
      .catch(() => undefined);
  }
}

function phoneOf(target: SendTarget): string | undefined {
  if (typeof target === 'string') return target;
  return 'notice' in target ? target.notice : undefined;
}

function refuse(reason: BudgetRefusal, retryAfterMs: number): Extract<Reserved, { ok: false }> {
  return { ok: false, reason, retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) };
}
