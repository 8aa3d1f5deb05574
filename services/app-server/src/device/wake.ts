import { isDeepStrictEqual } from 'node:util';
import { PushSubscription } from '@countersign/contracts';
import { Value } from 'typebox/value';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { WakeUps, WakeUpTarget } from '../wake-up/wake-up.ts';
import { forgetPushOf, pushAt, readPush, readWakeable, type Device } from './store.ts';

/** Wakes a person's phones, as far as they can be woken. Nobody waits for it: a phone that polls hears of the login all the same. */
export async function wakeDevices(
  deps: { router: Router; ring: KeyRing; wakeUps: Pick<WakeUps, 'wake'> },
  userId: string,
  ttlSeconds: number,
): Promise<void> {
  // A node that does not answer, or a row that was tampered with, wakes nobody.
  const devices = await readWakeable(deps.router, userId).catch(() => []);
  await Promise.all(
    devices.map(async (device) => {
      const target = targetOf(deps.ring, device);
      if (target !== undefined) await deps.wakeUps.wake(target, ttlSeconds);
    }),
  );
}

/** Where the phone is to be reached no more; one that it has brought meanwhile stays. */
export async function forgetPush(
  { router, ring }: { router: Router; ring: KeyRing },
  deviceId: string,
  target: WakeUpTarget,
): Promise<void> {
  if (target.kind !== 'web-push') return;
  const sealed = await router.read((db) => readPush(db, deviceId), { from: 'primary' });
  if (sealed === undefined || !isDeepStrictEqual(openPush(ring, deviceId, sealed), target.subscription)) return;
  await router.write((db) => forgetPushOf(db, deviceId, sealed));
}

function openPush(ring: KeyRing, deviceId: string, sealed: string): unknown {
  try {
    return JSON.parse(ring.open(sealed, pushAt(deviceId)).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Undefined for one that was written by a newer release, or tampered with. */
function targetOf(ring: KeyRing, { deviceId, pushSealed }: Device): WakeUpTarget | undefined {
  if (pushSealed === undefined) return undefined;
  const subscription = openPush(ring, deviceId, pushSealed);
  return Value.Check(PushSubscription, subscription) ? { kind: 'web-push', deviceId, subscription } : undefined;
}
