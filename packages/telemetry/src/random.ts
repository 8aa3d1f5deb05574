import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);

/**
 * Random bytes for the names of requests, traces and inboxes. Drawn from the system many at a time, since it takes as long for
 * eight of them as for thousands. No byte is given twice. Secrets that live long are drawn one by one.
 * @param size at most 4096.
 */
export function pooledRandomBytes(size: number): Buffer {
  if (size > pool.length) pool = randomFillSync(Buffer.allocUnsafeSlow(POOL_BYTES));
  const drawn = pool.subarray(0, size);
  pool = pool.subarray(size);
  return drawn;
}
