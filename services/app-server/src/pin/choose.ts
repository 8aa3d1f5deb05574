import { MfaError, type InputOf, type OutputOf, type pinChoose } from '@countersign/contracts';
import { personOf, type PersonDependencies } from '../account/person.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changePin, type ChangeDependencies } from './change.ts';
import { mayOf } from './view.ts';

/**
 * Sets or changes one's own.
 * @throws MfaError SIGN_IN_NEEDED, STEP_UP_NEEDED, NOT_ALLOWED, REQUEST_INVALID, PIN_WEAK, PIN_USED_BEFORE, UPGRADE_UNFINISHED,
 * PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function choose(
  deps: PersonDependencies & ChangeDependencies,
  { access, pin }: InputOf<typeof pinChoose>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof pinChoose>> {
  const { user, policy } = await personOf(deps, access, 'fresh', request);
  const { mayChange } = mayOf(policy, deps.policies.wantPin(), user.pin !== undefined);
  if (!mayChange) throw new MfaError('NOT_ALLOWED', { reason: 'pin' });
  const { userId } = user;
  await changePin(deps, { userId, pin, policy: policy.pin, byOther: false }, request);
  return { userId };
}
