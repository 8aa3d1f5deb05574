import type { InputOf, OutputOf, sessionList } from '@countersign/contracts';
import { personOf, type PersonDependencies } from '../account/person.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Sessions } from './sessions.ts';

/**
 * A portal sees the sessions of whoever is signed in at it, and of nobody else.
 * @throws MfaError SIGN_IN_NEEDED, UNAVAILABLE.
 */
export async function list(
  deps: PersonDependencies & { sessions: Sessions },
  { access }: InputOf<typeof sessionList>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof sessionList>> {
  const { user } = await personOf(deps, access, 'newcomer', request);
  return { sessions: await deps.sessions.of(user.userId, request.deadline) };
}
