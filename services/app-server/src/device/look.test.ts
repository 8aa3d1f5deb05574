import { randomBytes, randomUUID } from 'node:crypto';
import { generateKeyPair } from '@countersign/device-protocol';
import { expect, test } from 'vitest';
import { INITIAL_STATE, shortId, type UserState } from '../challenge/state.ts';
import { loadKeyRing } from '../keys/ring.ts';
import { look } from './look.ts';
import { ticketFor } from './ticket.ts';

const ring = loadKeyRing(`k1:${Buffer.alloc(32, 7).toString('base64')}`);
const NOW = Date.UTC(2026, 10, 1);
const deviceId = randomUUID();
const userId = randomUUID();

/** A copy of the ledger that lags: only its leader has heard that the phone was taken away. */
const REMOVED: UserState = { ...INITIAL_STATE, removed: [shortId(deviceId)] };
const ledger = {
  peek: (_userId: string, suffices?: (seen: UserState) => boolean) =>
    Promise.resolve(suffices === undefined || suffices(INITIAL_STATE) ? INITIAL_STATE : REMOVED),
};

async function lookedAt(isHinted: boolean) {
  const signing = await generateKeyPair();
  const deps = {
    ring,
    ledger,
    now: () => NOW,
    wakePhones: { hintFor: () => 'hint' },
    phoneKeys: { current: () => ({ signing }), after: () => [] },
    pushKey: undefined,
  } as unknown as Parameters<typeof look>[0];
  const asked = {
    deviceId,
    userId,
    keySet: 1,
    nonce: randomBytes(16).toString('base64url'),
    known: [],
    until: NOW + 20_000,
  };
  return look(deps, { ticket: ticketFor(ring, asked), isHinted });
}

test('after a hint the leader of the ledger is asked where a copy has no news; without one the copy is enough', async () => {
  await expect(lookedAt(true)).rejects.toMatchObject({ code: 'DEVICE_UNKNOWN' });
  expect(await lookedAt(false)).toMatchObject({ noNews: { hint: 'hint' } });
});
