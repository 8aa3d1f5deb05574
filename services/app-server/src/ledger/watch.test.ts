import { expect, test, vi } from 'vitest';
import { LedgerContinuity, type LossReason } from './continuity.ts';
import { LedgerWatch, type StreamStanding } from './watch.ts';

const ALL = ['one', 'two', 'three'];
const CREATED_AT = 1000;

/** A replica of a cluster that knows of another, and looks at a stream whose followers are behind for so many of its looks. */
async function replica(looksBehind: number) {
  let uptime = 0;
  let behind = 0;
  const onLoss = vi.fn<(reason: LossReason) => void>();
  const continuity = new LedgerContinuity({ now: () => CREATED_AT + uptime, uptime: () => uptime, onLoss });
  const watch = new LedgerWatch({
    run: 'here',
    continuity,
    peers: {
      ask: async () => {
        uptime += 300;
        return [];
      },
      tell: () => undefined,
    },
    memory: { recall: async () => undefined, keep: async () => undefined, close: async () => undefined },
    stream: async (): Promise<StreamStanding> => {
      const isBehind = behind > 0;
      behind -= 1;
      return {
        lastSequence: 7,
        createdAt: CREATED_AT,
        copies: 3,
        processes: isBehind ? ['one'] : ALL,
        reachable: ALL,
      };
    },
    highestProjected: async () => 7,
    uptime: () => uptime,
    sleep: async (ms) => void (uptime += ms),
    onProblem: () => undefined,
  });
  await watch.start();
  onLoss.mockClear();
  watch.hear({ run: 'there', floor: { at: CREATED_AT }, highest: 7, isProven: true });
  behind = looksBehind;
  await watch.reconnected();
  return { onLoss, isProven: continuity.isProven() };
}

test('HA-20 on a slow network the servers vouch for somebody who is missing once their copies are whole', async () => {
  const { onLoss, isProven } = await replica(5);
  expect(isProven).toBe(true);
  expect(onLoss).not.toHaveBeenCalled();
});

test('HA-20 where they stay behind, a loss is assumed', async () => {
  const { onLoss, isProven } = await replica(Infinity);
  expect(isProven).toBe(true);
  expect(onLoss.mock.calls).toEqual([['assumed']]);
});
