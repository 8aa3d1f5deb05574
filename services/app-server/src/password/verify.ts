import { MfaError, type InputOf, type OutputOf, type passwordVerify } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Evidence } from '../evidence/evidence.ts';
import { nextStep, type StandingDependencies } from '../session/standing.ts';
import { holdPassword, type HoldPasswordDependencies } from './hold.ts';

export interface PasswordDependencies extends StandingDependencies, HoldPasswordDependencies {
  evidence: Evidence;
}

/**
 * Holds a password against the directory, and says so in evidence that opens a session.
 * @throws MfaError NOT_ALLOWED where nobody signs in so, and what `holdPassword` throws.
 */
export async function verify(
  deps: PasswordDependencies,
  input: InputOf<typeof passwordVerify>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof passwordVerify>> {
  const { scopes, applicationId } = request.application;
  const { portal } = deps.policies.effective(applicationId);
  if (scopes.includes('portal') && !portal.signIn.includes('password')) {
    throw new MfaError('NOT_ALLOWED', { reason: 'signIn password' });
  }
  const { userId, user, state } = await holdPassword(deps, input, request);
  if (user === undefined) throw new MfaError('CREDENTIALS_REJECTED', { reason: 'nobody here' });
  const at = deps.now();
  const { firstFactor, expiresAt } = await deps.evidence.issueFirstFactor(
    { userId, amr: ['pwd'], at },
    request.application,
  );
  return {
    firstFactor,
    userId,
    username: user.username,
    ...(user.displayName !== undefined && { displayName: user.displayName }),
    ...(user.language !== undefined && { language: user.language }),
    expiresAt: new Date(expiresAt).toISOString(),
    next: await nextStep(deps, user, state, portal),
  };
}
