import { expect, test } from 'vitest';
import { createFraming } from './framing.ts';

function packet(length: number): Buffer {
  const octets = Buffer.alloc(length, 1);
  octets.writeUInt16BE(length, 2);
  return octets;
}

test('packets come out whole, however the stream is cut', () => {
  const all = [packet(20), packet(300), packet(4096), packet(21)];
  const stream = Buffer.concat(all);
  for (const size of [1, 3, 19, 21, 1000, stream.length]) {
    const framing = createFraming();
    const out: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) out.push(...framing.push(stream.subarray(at, at + size)).packets);
    expect(out.map((one) => one.length)).toEqual([20, 300, 4096, 21]);
    expect(Buffer.concat(out).equals(stream)).toBe(true);
    expect(framing.isInside).toBe(false);
  }
});

test('what has begun waits for the rest', () => {
  const framing = createFraming();
  expect(framing.push(packet(30).subarray(0, 2)).packets).toEqual([]);
  expect(framing.isInside).toBe(true);
});

test.each([
  [19, 'length-below-20'],
  [4097, 'length-above-4096'],
])('a length of %i ends the stream, and what came before it counts', (length, malformed) => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(length, 2);
  const { packets, ...rest } = createFraming().push(Buffer.concat([packet(25), head]));
  expect(packets).toHaveLength(1);
  expect(rest).toEqual({ malformed });
});
