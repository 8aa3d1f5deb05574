import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, startPostgres, type PostgresNode } from '@countersign/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { migrate } from '../database/migrate.ts';
import { createRouter, type Router } from '../database/router.ts';
import { openRing, readRing } from './open-ring.ts';

const dir = mkdtempSync(join(tmpdir(), 'open-ring-'));
let node: PostgresNode;
let router: Router;
let made = 0;

beforeAll(async () => {
  node = await startPostgres({ dir, password: 'secret', fsync: false });
});
afterAll(async () => {
  await router.close();
  await node.kill();
  rmSync(dir, { recursive: true, force: true });
});
/** Each test is an installation of its own. */
beforeEach(async () => {
  await router?.close();
  const url = await createDatabase(node, `ring${(made += 1)}`);
  await migrate([url]);
  router = createRouter({ urls: [url], now: Date.now });
});

const key = (id: string, byte: number) => `${id}:${Buffer.alloc(32, byte).toString('base64')}`;
const [K1, K2, OTHER_K1] = [key('k1', 1), key('k2', 2), key('k1', 9)];
const start = (...keys: string[]) => openRing(router, readRing(keys.join(',')), Date.now);

describe('R30: two app-servers with different rings', () => {
  test.each<[string, string[], string[], string]>([
    ['another key under the same id', [K1], [OTHER_K1], 'sealed with another key k1'],
    ['another key altogether', [K1], [K2], 'has no key k1'],
    ['a new key first where the other has it not', [K1], [K2, K1], ''],
  ])('%s', async (_, first, second, problem) => {
    await start(...first);
    if (problem === '') {
      await start(...second);
      // The one that came first is no longer ready: it cannot open what the other seals from now on.
      await expect(start(...first)).rejects.toThrow(
        /^COUNTERSIGN_KEY_RING is not .* has no key k2\. Give every app-server/,
      );
      return;
    }
    await expect(start(...second)).rejects.toMatchObject({ name: 'StartRefused' });
    await expect(start(...second)).rejects.toThrow(problem);
    await expect(start(...second)).rejects.toThrow(/^COUNTERSIGN_KEY_RING is not that of this installation/);
  });

  test('a further key that nothing is sealed with yet is how a new one is brought in, and no difference', async () => {
    await start(K1);
    await start(K1, K2);
    await expect(start(K1)).resolves.toBeUndefined();
  });

  test('a key that rows use must stay until they were sealed anew', async () => {
    await start(K1);
    await start(K2, K1);
    await expect(start(K2)).rejects.toThrow('has no key k1');
  });
});

test.each([
  ['', 'The key ring is empty'],
  ['k1', 'Key 1 of the key ring is not of the form'],
  ['k1:c2hvcnQ=', 'Key 1 of the key ring (k1) has 5 bytes and not 32'],
])('the ring %j is refused with its setting, and never repeated', (text, problem) => {
  expect(() => readRing(text)).toThrow(`COUNTERSIGN_KEY_RING is no key ring. ${problem}`);
  expect(() => readRing(text)).not.toThrow('c2hvcnQ');
});
