import type { PasskeyOptions, Policy } from '@countersign/contracts';
import type { KeyRing } from '../keys/ring.ts';
import { assertionOptions, type LoginPasskey } from './assertion.ts';
import { ceremonyChallenge } from './challenge.ts';
import type { RelyingParty } from './relying-party.ts';

/**
 * What the browser is asked for in a challenge. Somebody who has no passkey is asked for one all the same, which is always the same for
 * them and which nobody holds: otherwise the list would say who exists (R21).
 * @see WebAuthn Level 3 section 14.6.2
 */
export function offerPasskey(
  { ring, relyingParty }: { ring: KeyRing; relyingParty: RelyingParty },
  userId: string,
  challengeId: string,
  passkeys: readonly LoginPasskey[],
  policy: Policy['passkeys'],
): Promise<PasskeyOptions> {
  const challenge = ceremonyChallenge(ring, 'login', challengeId);
  const allowed = passkeys.length > 0 ? passkeys : [nobodys(ring, userId)];
  return assertionOptions(relyingParty, challenge, policy.userVerification, allowed);
}

function nobodys(ring: KeyRing, userId: string): Pick<LoginPasskey, 'credentialId' | 'transports'> {
  return { credentialId: ring.mac('passkey decoy', userId), transports: ['internal'] };
}
