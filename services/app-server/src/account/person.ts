import { MfaError, type Policy } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { UserState } from '../challenge/state.ts';
import type { AccessFacts, Evidence } from '../evidence/evidence.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import { assertWelcome, freshUntil } from '../session/opened.ts';
import type { LoginUsers } from '../user/login-users.ts';
import type { LoginUser } from '../user/store.ts';

export interface PersonDependencies {
  ledger: UserLedger;
  users: LoginUsers;
  policies: Policies;
  evidence: Evidence;
  now: () => number;
}

/** Whoever is signed in at the portal, as they stand now. */
export interface Person {
  user: LoginUser;
  state: UserState;
  access: AccessFacts;
  policy: Policy;
}

/**
 * What a call asks of whoever makes it. `full`: signed in with a factor. `fresh`: and proved one within the last minutes (APP-08).
 * `newcomer`: may also be somebody who enrols the first factor.
 */
export type Standing = 'newcomer' | 'full' | 'fresh';

/**
 * Who asks: by the evidence that we signed, and by what has happened to them since (R16, R17).
 * @throws MfaError SIGN_IN_NEEDED; STEP_UP_NEEDED; NOT_ALLOWED for a newcomer who asks for more; UNAVAILABLE.
 */
export async function personOf(
  deps: PersonDependencies,
  token: string,
  needs: Standing,
  { application }: Pick<AuthorisedRequest, 'application'>,
): Promise<Person> {
  const access = await deps.evidence.readAccess(token, application);
  const user = await deps.users.byId(access.userId);
  const state = await deps.ledger.peek(access.userId);
  assertWelcome(user, state, access);
  const policy = deps.policies.effective(application.applicationId);
  if (needs !== 'newcomer' && access.level !== 'full') throw new MfaError('NOT_ALLOWED', { reason: 'newcomer' });
  if (needs === 'fresh' && deps.now() >= freshUntil(access, policy.portal)) throw new MfaError('STEP_UP_NEEDED');
  return { user, state, access, policy };
}
