import type { Check } from '@countersign/contracts';
import { SealBroken, type KeyRing } from '../keys/ring.ts';

const DAY_MS = 86_400_000;
/** A signing key is renewed once a year or sooner. */
const SIGNING_KEY_MAX_DAYS = 365;

/** Whether this replica can open what every other one sealed (R30). @param open throws SealBroken when it cannot. */
export async function checkRing(
  ring: Pick<KeyRing, 'keyIds' | 'currentId'>,
  open: () => Promise<void>,
): Promise<Check[]> {
  const name = 'keys.ring';
  try {
    await open();
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error;
    return [
      {
        name,
        level: 'fail',
        detail: error.message,
        advice: 'Give this replica the key ring of the others (COUNTERSIGN_KEY_RING), then restart it.',
      },
    ];
  }
  if (ring.keyIds.length === 1) return [{ name, level: 'ok', detail: `key ${ring.currentId}` }];
  const older = ring.keyIds.filter((id) => id !== ring.currentId).join(', ');
  return [
    {
      name,
      level: 'ok',
      detail: `key ${ring.currentId}; older: ${older}. When every replica has the new one: countersign keys rewrap`,
    },
  ];
}

/** @param signsSince when the key that signs now began to, ms since the epoch. */
export function checkSigningKey(signsSince: number | undefined, now: number): Check {
  const name = 'keys.signing';
  if (signsSince === undefined) {
    return {
      name,
      level: 'fail',
      detail: 'no key signs: no login can be approved',
      advice: 'Make one with: countersign keys rotate --lead 0',
    };
  }
  const days = Math.max(0, Math.floor((now - signsSince) / DAY_MS));
  const detail = `signs since ${new Date(signsSince).toISOString().slice(0, 10)} (${days} days)`;
  if (days <= SIGNING_KEY_MAX_DAYS) return { name, level: 'ok', detail };
  return { name, level: 'warn', detail, advice: 'Make a new one with: countersign keys rotate' };
}
