import { createMetrics, silentLogger } from '@countersign/telemetry';
import { describe, expect, test, vi } from 'vitest';
import { CLOCK_LOOK_MS, CLOCK_TICK_MS, ClockWatch, judgeClocks, type ClockReading } from './clock-watch.ts';

/** NATS and two Postgres nodes, by how far they are ahead of us. */
const readings = (...aheadMs: (number | undefined)[]): ClockReading[] =>
  aheadMs.map((ahead, index) => ({ name: ['NATS', 'postgres-1', 'postgres-2'][index] ?? '', aheadMs: ahead }));

test.each<[string, ClockReading[], 'ok' | 'warn' | 'wrong', string[]]>([
  ['all agree', readings(0, 5, -5), 'ok', []],
  ['1 s off', readings(1000, 1000, 1000), 'ok', []],
  ['5 s off', readings(5000, 5000, 5000), 'warn', []],
  ['15 s ahead of all', readings(-15_000, -15_000, -15_000), 'wrong', []],
  ['15 s behind all', readings(15_000, 15_000, 15_000), 'wrong', []],
  ['one node is off, and not we', readings(0, 15_000, 0), 'warn', ['postgres-1']],
  ['NATS is off, and not we', readings(-60_000, 0, 0), 'warn', ['NATS']],
  ['one of two is off', readings(0, 15_000, undefined), 'warn', ['postgres-1']],
  ['the only one that answers is off', readings(undefined, 15_000, undefined), 'wrong', []],
  ['nobody answers', readings(undefined, undefined, undefined), 'ok', []],
  ['exactly 10 s', readings(10_000, 10_000, 10_000), 'warn', []],
])('HA-50 %s', (_, clocks, level, odd) => expect(judgeClocks(clocks)).toMatchObject({ level, odd }));

function watched(first: ClockReading[] = readings(0, 0, 0)) {
  let clocks = first;
  let uptime = 0;
  let offset = 0;
  const read = vi.fn<() => Promise<ClockReading[]>>(async () => clocks);
  const watch = new ClockWatch({
    now: () => 1_800_000_000_000 + uptime + offset,
    uptime: () => uptime,
    read,
    logger: silentLogger(),
    metrics: createMetrics({ service: 'test', replica: 'test', processMetrics: false }),
  });
  const heard: boolean[] = [];
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += CLOCK_TICK_MS) {
      uptime += CLOCK_TICK_MS;
      await watch.tick();
      if (heard.at(-1) !== watch.isRight) heard.push(watch.isRight);
    }
  };
  /** Somebody sets our clock; the others are then as far on the other side. */
  const set = (ms: number) => {
    offset += ms;
    clocks = readings(-offset, -offset, -offset);
  };
  return { watch, heard, read, pass, set, see: (seen: ClockReading[]) => (clocks = seen) };
}

describe('HA-50 a replica', () => {
  test('asks the others every 30 s', async () => {
    const { read, pass } = watched();
    await pass(CLOCK_TICK_MS);
    read.mockClear();
    await pass(2 * CLOCK_LOOK_MS);
    expect(read).toHaveBeenCalledTimes(2);
  });

  test.each([15_000, -15_000])(
    'that finds its clock %i ms off takes no work, and is back when it is right',
    async (ms) => {
      const { watch, heard, pass, set } = watched();
      await pass(CLOCK_TICK_MS);
      set(ms);
      await pass(CLOCK_TICK_MS);
      expect(heard).toEqual([true, false]);
      expect(() => watch.assertRight()).toThrow('15 s off');
      set(-ms);
      await pass(3 * CLOCK_TICK_MS);
      expect(heard).toEqual([true, false, true]);
      watch.assertRight();
    },
  );

  test('takes no work between a jump and what the others say of it', async () => {
    const { watch, read, set } = watched();
    let answer: (clocks: ClockReading[]) => void = () => undefined;
    await watch.tick();
    read.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
    set(20_000);
    const ticking = watch.tick();
    expect(() => watch.assertRight()).toThrow('off');
    // The clock was put right, and not wrong.
    answer(readings(0, 0, 0));
    await ticking;
    watch.assertRight();
  });

  test('with nobody to ask stays as it was', async () => {
    const { watch, heard, see, pass } = watched();
    await pass(CLOCK_TICK_MS);
    see(readings(undefined, undefined, undefined));
    await pass(2 * CLOCK_LOOK_MS);
    expect(heard).toEqual([true]);
    watch.assertRight();
  });
});
