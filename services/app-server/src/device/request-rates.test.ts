import { MfaError } from '@countersign/contracts';
import { expect, test } from 'vitest';
import { RequestRates } from './request-rates.ts';

function clocked() {
  const clock = { now: Date.UTC(2026, 10, 23) };
  const rates = new RequestRates(() => clock.now);
  const heard = (ask: () => void): number | undefined => {
    try {
      ask();
      return undefined;
    } catch (error) {
      if (error instanceof MfaError && error.code === 'TRY_LATER') return error.retryAfterSeconds;
      throw error;
    }
  };
  return { clock, rates, heard };
}

test('a phone that floods makes at most 360 requests in 300 s, and hears when the next is taken', () => {
  const { clock, rates, heard } = clocked();
  let taken = 0;
  for (let tenth = 0; tenth < 3000; tenth += 1, clock.now += 100) {
    for (let count = 0; count < 5; count += 1) if (heard(() => rates.request('phone')) === undefined) taken += 1;
  }
  expect(taken).toBeLessThanOrEqual(360);
  expect(taken).toBeGreaterThan(300);
  const waits = Array.from({ length: 3 }, () => heard(() => rates.request('phone')));
  clock.now += (waits.at(-1) ?? 0) * 1000;
  expect(heard(() => rates.request('phone'))).toBeUndefined();
});

test('a phone that floods costs no other phone anything', () => {
  const { rates, heard } = clocked();
  for (let count = 0; count < 500; count += 1) heard(() => rates.request('phone'));
  expect(heard(() => rates.request('another'))).toBeUndefined();
});

test('a good phone is never refused: it polls all day, is woken, and answers with what the network loses', () => {
  const { clock, rates, heard } = clocked();
  for (let second = 0; second < 86_400; second += 25, clock.now += 25_000) {
    const asked = second % 3600 === 0 ? 20 : 2;
    for (let count = 0; count < asked; count += 1) expect(heard(() => rates.request('phone'))).toBeUndefined();
  }
});

test('what changes a device is rarer: no more than 1,450 rows of the audit in a day', () => {
  const { clock, rates, heard } = clocked();
  let taken = 0;
  for (let second = 0; second < 86_400; second += 1, clock.now += 1000) {
    if (heard(() => rates.change('phone')) === undefined) taken += 1;
  }
  expect(taken).toBeLessThanOrEqual(1450);
  expect(
    heard(() => rates.request('phone')),
    'and polls go on',
  ).toBeUndefined();
});

test('a phone that has changed what it may is not forgotten for all the others that poll', () => {
  const { rates, heard } = clocked();
  for (let count = 0; count < 10; count += 1) rates.change('phone');
  for (let count = 0; count < 60; count += 1) rates.request('phone');
  for (let other = 0; other < 49_999; other += 1) rates.request(`phone ${other}`);
  expect(heard(() => rates.change('phone'))).toBeGreaterThan(0);
  expect(heard(() => rates.request('phone'))).toBeGreaterThan(0);
});
