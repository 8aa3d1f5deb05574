import { MfaError, type accountRemove, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { remove as removeAuthenticator, type RemoveDependencies } from '../authenticator/remove.ts';
import { isRemoved } from '../challenge/state.ts';
import { activeFactors, factorsOf } from './factors.ts';
import type { AccountDependencies } from './get.ts';
import { personOf } from './person.ts';

/**
 * Takes a factor of one's own away, and never the last one: also of two that are taken away at the same moment, one stays.
 * @throws MfaError SIGN_IN_NEEDED, STEP_UP_NEEDED, NOT_ALLOWED, LAST_AUTHENTICATOR, AUTHENTICATOR_NOT_FOUND, PRIMARY_UNAVAILABLE,
 * UNAVAILABLE.
 */
export async function remove(
  deps: AccountDependencies & RemoveDependencies,
  { access, authenticatorId }: InputOf<typeof accountRemove>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof accountRemove>> {
  const { user, state, policy } = await personOf(deps, access, 'fresh', request);
  if (!policy.portal.remove) throw new MfaError('NOT_ALLOWED', { reason: 'remove' });
  const { userId } = user;
  const factors = await factorsOf(deps, userId, state, { from: 'primary' });
  const isActive = activeFactors(factors).some((factor) => factor.authenticatorId === authenticatorId);
  const others = activeFactors(factors).filter((factor) => factor.authenticatorId !== authenticatorId);
  return removeAuthenticator(deps, { userId, authenticatorId }, request, (current) =>
    isActive && others.every((other) => isRemoved(current, other.authenticatorId))
      ? new MfaError('LAST_AUTHENTICATOR')
      : undefined,
  );
}
