import type { InputOf, OutputOf, pinRemove } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import { assertUser } from '../user/exists.ts';
import { takePinAway } from './take-away.ts';

/**
 * Takes a PIN away from somebody who forgot it: they set another one at the portal.
 * @throws MfaError USER_NOT_FOUND, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function remove(
  deps: { router: Router; now: () => number },
  { userId, reason }: InputOf<typeof pinRemove>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof pinRemove>> {
  await assertUser(deps.router, userId);
  await takePinAway(deps, { userId, reason }, request);
  return { userId };
}
