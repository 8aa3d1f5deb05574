import { MfaError, type accountBypass, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import { bypass as bypassUser } from '../user/bypass.ts';
import { personOf, type PersonDependencies } from './person.ts';

/**
 * Lets oneself in once without a second factor, for as long as the policy lets anybody.
 * @throws MfaError SIGN_IN_NEEDED, STEP_UP_NEEDED, NOT_ALLOWED, UNAVAILABLE.
 */
export async function bypass(
  deps: PersonDependencies & { router: Router },
  { access, seconds }: InputOf<typeof accountBypass>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof accountBypass>> {
  const { user, policy } = await personOf(deps, access, 'fresh', request);
  if (seconds > policy.portal.bypassSeconds) throw new MfaError('NOT_ALLOWED', { reason: 'bypass' });
  const reason = 'by the user, at the portal';
  const { expiresAt } = await bypassUser(deps, { userId: user.userId, reason, seconds }, request);
  return { expiresAt };
}
