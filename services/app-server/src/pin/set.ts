import { type InputOf, type OutputOf, type pinSet, type Policy } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { Policies } from '../policy/policies.ts';
import { changePin, type ChangeDependencies } from './change.ts';
import { weaknessOf } from './rules.ts';

/** No shorter, whatever the policy lets people choose. */
const FEWEST_DIGITS = 8;
const TRIES = 100;

/**
 * Gives a user a PIN, who has to change it at first use.
 * @throws MfaError USER_NOT_FOUND, REQUEST_INVALID, PIN_WEAK, UPGRADE_UNFINISHED, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function set(
  deps: ChangeDependencies & { policies: Policies; ring: KeyRing },
  { userId, pin: given }: InputOf<typeof pinSet>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof pinSet>> {
  const policy = deps.policies.global().pin;
  // Derived, so that the same attempt, repeated, shows the PIN that counts (INV-21).
  const pin = given ?? made(deps.ring, policy, userId, request.attemptId);
  await changePin(deps, { userId, pin, policy, byOther: true }, request);
  return { userId, ...(given === undefined && { pin }) };
}

function made(ring: KeyRing, { minLength }: Policy['pin'], userId: string, attemptId: string): string {
  const digits = Math.max(FEWEST_DIGITS, minLength);
  for (let round = 0; round < TRIES; round += 1) {
    // Of 256 bits, so that no digit is more likely than another.
    const number = BigInt(`0x${ring.mac('new-pin', userId, attemptId, String(round)).toString('hex')}`);
    const pin = (number % 10n ** BigInt(digits)).toString().padStart(digits, '0');
    if (weaknessOf(pin, []) === undefined) return pin;
  }
  throw new Error('no PIN that is not weak');
}
