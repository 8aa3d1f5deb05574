import { MfaError, type InputOf, type OutputOf, type sessionInvite } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Evidence } from '../evidence/evidence.ts';
import type { KeyRing } from '../keys/ring.ts';
import { assertionOptions } from '../passkey/assertion.ts';
import { ceremonyChallenge } from '../passkey/challenge.ts';
import type { RelyingParty } from '../passkey/relying-party.ts';
import type { Policies } from '../policy/policies.ts';

export interface InviteDependencies {
  policies: Policies;
  ring: KeyRing;
  evidence: Evidence;
  relyingParty: RelyingParty | undefined;
}

/**
 * Asks whoever is there for a passkey. Nothing is kept: the invitation names what has to be signed, and is good once because the
 * ledger of whoever answers takes it once.
 * @throws MfaError NOT_ALLOWED.
 */
export async function invite(
  deps: InviteDependencies,
  _input: InputOf<typeof sessionInvite>,
  { application }: AuthorisedRequest,
): Promise<OutputOf<typeof sessionInvite>> {
  const relyingParty = relyingPartyFor(deps, application.applicationId);
  const { invitation, key, endsAt } = await deps.evidence.issueInvitation(application);
  const challenge = ceremonyChallenge(deps.ring, 'invite', key);
  return {
    invitation,
    // Alone it has to be two factors, whatever the policy says of passkeys beside a password.
    passkey: await assertionOptions(relyingParty, challenge, 'required', []),
    expiresAt: new Date(endsAt).toISOString(),
  };
}

/** @throws MfaError NOT_ALLOWED where nobody signs in by passkey alone. */
export function relyingPartyFor(
  { policies, relyingParty }: Pick<InviteDependencies, 'policies' | 'relyingParty'>,
  applicationId: string,
): RelyingParty {
  const isAllowed = policies.effective(applicationId).portal.signIn.includes('passkey');
  if (!isAllowed || relyingParty === undefined) throw new MfaError('NOT_ALLOWED');
  return relyingParty;
}
