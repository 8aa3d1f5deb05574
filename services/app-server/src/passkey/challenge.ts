import type { KeyRing } from '../keys/ring.ts';

/** What a ceremony is for. An answer to one is no answer to another, since each has challenges of its own. */
export type Ceremony = 'enrol' | 'login' | 'invite' | 'device';

/** No passkey is asked for longer than this (WEB-02), whatever the policy says of challenges. */
export const LONGEST_CEREMONY_SECONDS = 300;

/**
 * What the browser has to sign: 32 bytes that nobody can foretell and any replica can tell again, as codes are derived (ADR 6). It is
 * bound to the ceremony and to its id, and with that to user, application and time; it is good once, because the ledger closes what
 * has that id once.
 * @param id drawn at random: of the challenge, or of the invitation.
 * @see WebAuthn Level 3 section 13, "Cryptographic Challenges"
 */
export function ceremonyChallenge(ring: KeyRing, ceremony: Ceremony, id: string): Buffer {
  return ring.mac('passkey', ceremony, id);
}
