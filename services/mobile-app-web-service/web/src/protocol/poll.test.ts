import { generateKeyPair, signKeySet, type KeyPair } from '@countersign/device-protocol';
import { describe, expect, test } from 'vitest';
import { poll } from './poll.ts';
import { give, NOW, pair, PROMPT, promptsFor, refuse, signerOf, type Seen } from './server.fixture.ts';

const asked = { clockOffsetMs: 0, waitSeconds: 25 };

/** A phone whose server answers polls with what `make` signs. */
async function polled(make: (seen: Seen, serverKey: KeyPair) => Promise<object>) {
  let serverKey: KeyPair | undefined;
  const made = await pair(async (seen) => Response.json(await make(seen, serverKey!)));
  serverKey = made.serverKey;
  return { ...made, result: poll(made.outside, { ...asked, device: made.device }) };
}

test('prompts that the server signed for this very request', async () => {
  const { result, seen, device } = await polled(async (one, key) => ({
    prompts: await promptsFor(one, key),
    keySets: [],
  }));
  expect(await result).toEqual({ prompts: [PROMPT], device });
  expect(seen[0]?.body).toEqual({ keySet: 1, wait: 25, known: [] });
});

describe('DEV-25: refused is', () => {
  test.each<[string, (seen: Seen, key: KeyPair) => Promise<object>]>([
    [
      'an altered statement',
      async (seen, key) => {
        const [header, payload = '', signature] = (await promptsFor(seen, key)).split('.');
        const text = atob(payload.replaceAll('-', '+').replaceAll('_', '/')).replace('VPN', 'Pay');
        return { prompts: [header, btoa(text).replaceAll('=', ''), signature].join('.'), keySets: [] };
      },
    ],
    [
      'the answer to another request',
      async (seen, key) => {
        const other = { ...seen, signature: { ...seen.signature, nonce: 'AAAAAAAAAAAAAAAAAAAAAA' } };
        return { prompts: await promptsFor(other, key), keySets: [] };
      },
    ],
    [
      'a key that was never trusted',
      async (seen) => ({ prompts: await promptsFor(seen, await generateKeyPair()), keySets: [] }),
    ],
    [
      'a key set that nobody trusted signed',
      async (seen, key) => {
        const stranger = await generateKeyPair();
        const set = { v: 1 as const, version: 2, at: NOW, keys: [{ ...stranger.publicKey }] };
        return { prompts: await promptsFor(seen, key), keySets: [await signKeySet(set, signerOf(stranger))] };
      },
    ],
    ['an answer without key sets', async (seen, key) => ({ prompts: await promptsFor(seen, key) })],
    ['an answer without a statement', () => Promise.resolve({ keySets: [] })],
  ])('%s', async (_, make) => {
    const { result } = await polled(make);
    await expect(result).rejects.toMatchObject({ code: 'NOT_SIGNED' });
  });
});

test('a change of the server’s key is followed, and only the newest set is trusted from then on', async () => {
  const [second, third] = await Promise.all([generateKeyPair(), generateKeyPair()]);
  const setOf = (version: number, { publicKey }: KeyPair) => ({
    v: 1 as const,
    version,
    at: NOW,
    keys: [{ ...publicKey }],
  });
  const { result } = await polled(async (seen, first) => ({
    prompts: await promptsFor(seen, third),
    keySets: [await signKeySet(setOf(2, second), signerOf(first)), await signKeySet(setOf(3, third), signerOf(second))],
  }));
  expect((await result).device.keySet).toEqual({ version: 3, keys: [third.publicKey] });
});

test('where there are more key sets than one answer holds, the others are asked for', async () => {
  const [second, third] = await Promise.all([generateKeyPair(), generateKeyPair()]);
  const setOf = (version: number, { publicKey }: KeyPair) => ({
    v: 1 as const,
    version,
    at: NOW,
    keys: [{ ...publicKey }],
  });
  const { result, seen } = await polled(async (one, first) => ({
    prompts: await promptsFor(one, third),
    keySets: [
      one.body['keySet'] === 1
        ? await signKeySet(setOf(2, second), signerOf(first))
        : await signKeySet(setOf(3, third), signerOf(second)),
    ],
  }));
  expect((await result).device.keySet.version).toBe(3);
  expect(seen.map(({ body }) => body['keySet'])).toEqual([1, 2]);
});

describe('the clock', () => {
  const wrong = refuse(401, 'CLOCK_WRONG', { 'countersign-time': String(NOW + 180_000) });

  test('is set by the time that the server signed, not by a header', async () => {
    let serverKey: KeyPair | undefined;
    const made = await pair(wrong, async (seen) =>
      Response.json({ prompts: await promptsFor(seen, serverKey!, [], NOW + 180_750), keySets: [] }),
    );
    serverKey = made.serverKey;
    expect(await poll(made.outside, { ...asked, device: made.device })).toMatchObject({ learntOffsetMs: 180_750 });
  });

  test('is not set when what follows is not signed', async () => {
    const { outside, device } = await pair(wrong, give({ prompts: 'nonsense', keySets: [] }));
    await expect(poll(outside, { ...asked, device })).rejects.toMatchObject({ code: 'NOT_SIGNED' });
  });
});
