import { MfaError, type InputOf, type OutputOf, type pinForget } from '@countersign/contracts';
import { personOf, type PersonDependencies } from '../account/person.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import { takePinAway } from './take-away.ts';
import { mayOf } from './view.ts';

/**
 * Takes away one's own, where nothing asks for it.
 * @throws MfaError SIGN_IN_NEEDED, STEP_UP_NEEDED, NOT_ALLOWED, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function forget(
  deps: PersonDependencies & { router: Router },
  { access }: InputOf<typeof pinForget>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof pinForget>> {
  const { user, policy } = await personOf(deps, access, 'fresh', request);
  const { mayRemove } = mayOf(policy, deps.policies.wantPin(), user.pin !== undefined);
  if (!mayRemove) throw new MfaError('NOT_ALLOWED', { reason: 'pin' });
  await takePinAway(deps, { userId: user.userId }, request);
  return { userId: user.userId };
}
