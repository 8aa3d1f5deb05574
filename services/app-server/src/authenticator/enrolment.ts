import { createHash } from 'node:crypto';
import { addressOfChallenge, challengeIdFor, uuidFrom } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { KeyRing } from '../keys/ring.ts';

/** Names a new authenticator after the attempt that enrols it, so that one that is repeated enrols the same (INV-21). */
export function authenticatorIdOf({ attemptId }: Pick<AuthorisedRequest, 'attemptId'>): string {
  return uuidFrom(createHash('sha256').update(`authenticator/${attemptId}`).digest());
}

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
