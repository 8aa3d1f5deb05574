import { PushSubscription } from '@countersign/contracts';
import { Value } from 'typebox/value';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { WakeUps, WakeUpTarget } from '../wake-up/wake-up.ts';
import { pushAt, readWakeable, type Device } from './store.ts';

/** Wakes a person's phones, as far as they can be woken. Nobody waits for it: a phone that polls hears of the login all the same. */
export async function wakeDevices(
  deps: { router: Router; ring: KeyRing; wakeUps: Pick<WakeUps, 'wake'> },
  userId: string,
  ttlSeconds: number,
): Promise<void> {
  const devices = await readWakeable(deps.router, userId);
  await Promise.all(
    devices.map(async (device) => {
      const target = targetOf(deps.ring, device);
      if (target !== undefined) await deps.wakeUps.wake(target, ttlSeconds);
    }),
  );
}

/** Undefined for one that was written by a newer release, or tampered with. */
function targetOf(ring: KeyRing, { deviceId, pushSealed }: Device): WakeUpTarget | undefined {
  if (pushSealed === undefined) return undefined;
  const subscription: unknown = JSON.parse(ring.open(pushSealed, pushAt(deviceId)).toString('utf8'));
  return Value.Check(PushSubscription, subscription) ? { kind: 'web-push', deviceId, subscription } : undefined;
}
