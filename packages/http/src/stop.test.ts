import { createLogger } from '@countersign/telemetry';
import { describe, expect, test } from 'vitest';
import { stop, type StopStep } from './stop.ts';

const never = () => new Promise<void>(() => undefined);

async function stopped(steps: StopStep[]) {
  const lines: { event: string; reason?: string }[] = [];
  const logger = createLogger({
    service: 's',
    replica: 'r',
    destination: { write: (line) => void lines.push(JSON.parse(line) as { event: string }) },
  });
  const codes: number[] = [];
  await stop('SIGTERM', { name: 'it', logger, steps, exit: (code) => codes.push(code) });
  return { codes, lines };
}

describe('stop', () => {
  test('one step after the other, the parts of one together, and exit code 0', async () => {
    const order: string[] = [];
    const says = (word: string) => async () => {
      await Promise.resolve();
      order.push(word);
    };
    const { codes, lines } = await stopped([
      { withinMs: 1000, parts: { a: says('a'), b: says('b') } },
      { withinMs: 1000, parts: { c: says('c') } },
    ]);
    expect(order).toEqual(['a', 'b', 'c']);
    expect(codes).toEqual([0]);
    expect(lines.map(({ event }) => event)).toEqual(['it.stopping']);
  });

  test('what hangs is left behind and named; the rest still ends, and the exit code is 1', async () => {
    const ended: string[] = [];
    const { codes, lines } = await stopped([
      { withinMs: 20, parts: { stuck: never, fine: async () => void ended.push('fine') } },
      { withinMs: 20, parts: { last: async () => void ended.push('last') } },
    ]);
    expect(ended).toEqual(['fine', 'last']);
    expect(codes).toEqual([1]);
    expect(lines.at(-1)).toMatchObject({ event: 'it.unstopped', reason: 'stuck' });
  });

  test('what fails has ended, and is told', async () => {
    const { codes, lines } = await stopped([{ withinMs: 1000, parts: { bad: () => Promise.reject(new Error('no')) } }]);
    expect(codes).toEqual([0]);
    expect(lines.at(-1)).toMatchObject({ event: 'it.stop', reason: 'bad' });
  });
});
