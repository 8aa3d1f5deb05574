import { randomBytes } from 'node:crypto';
import { ATTRIBUTE, encodeAccessRequest, readPacket } from '@countersign/radius';
import { expect, test } from 'vitest';
import { createBacklog, type Outcome, type Queued } from './backlog.ts';

function packet(id: number, type: number = ATTRIBUTE.userName): Queued {
  const attributes = [{ type, value: Buffer.from('a') }];
  return readPacket(encodeAccessRequest({ id, authenticator: randomBytes(16), attributes }, Buffer.from('s')), '1.0');
}

function started() {
  const backlog = createBacklog({ roomMs: 3000 });
  const state = { room: 0, taken: [] as number[], shed: [] as number[] };
  const take = (next: Queued, canWait: boolean): Outcome => {
    if ('malformed' in next) return { end: next.malformed };
    if (state.room > 0) {
      state.room -= 1;
      state.taken.push(next.id);
      return undefined;
    }
    if (canWait) return 'no-room';
    state.shed.push(next.id);
    return 'overload';
  };
  return { backlog, state, takeAll: (now: number) => backlog.takeAll(take, now) };
}

test('those with State are taken first, the others in their order (RAD-48)', () => {
  const { backlog, state, takeAll } = started();
  for (const next of [packet(1), packet(2), packet(3, ATTRIBUTE.state), packet(4)]) backlog.push(next);
  state.room = 2;
  expect(takeAll(0)).toBe('no-room');
  backlog.push(packet(5, ATTRIBUTE.state));
  state.room = 3;
  expect(takeAll(20)).toBeUndefined();
  expect(state.taken).toEqual([3, 1, 5, 2, 4]);
});

test('room is waited for once, however many there are, and by what comes behind what was shed not again (RAD-48)', () => {
  const { backlog, state, takeAll } = started();
  for (let id = 0; id < 100; id += 1) backlog.push(packet(id));
  expect(takeAll(0)).toBe('no-room');
  state.room = 1;
  expect(takeAll(2999)).toBe('no-room');
  expect(takeAll(3000)).toBeUndefined();
  expect([state.taken.length, state.shed.length]).toEqual([1, 99]);
  backlog.push(packet(100));
  expect(takeAll(3010)).toBeUndefined();
  expect(state.shed).toHaveLength(100);
});

test('once there was room for all, it is waited for again', () => {
  const { backlog, state, takeAll } = started();
  backlog.push(packet(1));
  takeAll(0);
  state.room = 1;
  takeAll(1000);
  backlog.push(packet(2));
  expect(takeAll(9000)).toBe('no-room');
  expect(state.shed).toEqual([]);
});

test('what is malformed ends the connection, and nothing behind it is taken', () => {
  const { backlog, state, takeAll } = started();
  state.room = 2;
  for (const next of [packet(1), { malformed: 'truncated' } as const, packet(2)]) backlog.push(next);
  expect(takeAll(0)).toEqual({ end: 'truncated' });
  expect(state.taken).toEqual([1]);
});
