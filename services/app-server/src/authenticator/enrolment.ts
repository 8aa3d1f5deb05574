import { addressOfChallenge, challengeIdFor } from '@countersign/contracts';
import type { KeyRing } from '../keys/ring.ts';

/**
 * The challenge that proves possession of a new authenticator: one per authenticator, found again from its id alone, so that
 * whoever confirms needs to remember nothing else.
 */
export function enrolmentChallenge(
  ring: KeyRing,
  userId: string,
  authenticatorId: string,
): { challengeId: string; key: string } {
  const entropy = ring.mac('enrolment', userId, authenticatorId).subarray(0, 16);
  const challengeId = challengeIdFor(userId, entropy);
  return { challengeId, key: addressOfChallenge(challengeId)?.key ?? '' };
}
