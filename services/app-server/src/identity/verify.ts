import { createHash } from 'node:crypto';
import { MfaError, type identityVerify, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { Evidence } from '../evidence/evidence.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { assertKnown, type Settled } from '../ledger/state-form.ts';
import type { Policies } from '../policy/policies.ts';
import { nextStep, type StandingDependencies } from '../session/standing.ts';
import { canonicalUsername } from '../user/canonical.ts';
import type { LoginUsers } from '../user/login-users.ts';
import type { LoginUser } from '../user/store.ts';
import { link, linkedTo } from './links.ts';
import type { Identity, IdentityProvider } from './provider.ts';

export interface IdentityDependencies extends StandingDependencies {
  identityProvider: IdentityProvider | undefined;
  ledger: UserLedger;
  users: LoginUsers;
  policies: Policies;
  evidence: Evidence;
  settled: Pick<Settled, 'number'>;
  trail: Trail;
}

/**
 * Takes an ID token for a first factor, once. Who it is says the provider's own name for them, for ever; a claim with a username counts for a
 * user who was never linked, and only where the administrator said so (FED-12).
 * @throws MfaError NOT_ALLOWED where no provider is configured, CREDENTIALS_REJECTED, UPGRADE_UNFINISHED, UNAVAILABLE.
 */
export async function verify(
  deps: IdentityDependencies,
  { idToken, nonce, context }: InputOf<typeof identityVerify>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof identityVerify>> {
  assertKnown(deps.settled);
  const { application, attemptId, traceId, deadline } = request;
  const { applicationId } = application;
  const policy = deps.policies.effective(applicationId);
  if (deps.identityProvider === undefined || !policy.portal.signIn.includes('provider'))
    throw new MfaError('NOT_ALLOWED');
  const identity = await deps.identityProvider.read(idToken, nonce);
  const user = await userOf(deps, identity, request);
  const state = user === undefined ? undefined : await deps.ledger.peek(user.userId);
  const isKeptOut = user?.status !== 'enabled' || state?.disabled === true || state?.blocked !== undefined;
  if (user === undefined || state === undefined || isKeptOut) {
    const reason = user === undefined ? 'unknown identity' : 'kept out';
    const type = 'identity.refused';
    const detail = context === undefined ? {} : { context };
    await deps.trail.record({
      type,
      at: deps.now(),
      attemptId,
      traceId,
      applicationId,
      reason,
      userId: user?.userId,
      detail,
    });
    throw new MfaError('CREDENTIALS_REJECTED', { reason });
  }
  const { userId } = user;
  const token = createHash('sha256').update(idToken).digest('base64url');
  const { event } = await deps.ledger.act(
    userId,
    `identity ${token}`,
    () => ({
      append: { type: 'identity.accepted', applicationId, attemptId, ...(context !== undefined && { context }) },
    }),
    { traceId, deadline },
  );
  // Somebody else has brought the same token (RFC 9700 section 4.5).
  if (event.type !== 'identity.accepted' || event.attemptId !== attemptId) {
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'ID token used before' });
  }
  const { firstFactor, expiresAt } = await deps.evidence.issueFirstFactor(
    { userId, amr: ['fed'], at: event.at },
    application,
  );
  return {
    firstFactor,
    userId,
    username: user.username,
    ...(user.displayName !== undefined && { displayName: user.displayName }),
    ...(user.language !== undefined && { language: user.language }),
    expiresAt: new Date(expiresAt).toISOString(),
    next: await nextStep(deps, user, state, policy.portal),
  };
}

async function userOf(
  deps: IdentityDependencies,
  identity: Identity,
  request: AuthorisedRequest,
): Promise<LoginUser | undefined> {
  const { router, users } = deps;
  const linked = await linkedTo(router, identity);
  if (linked !== undefined) return users.byId(linked);
  const name = identity.username === undefined ? undefined : canonicalUsername(identity.username);
  if (name === undefined || 'refused' in name) return undefined;
  const user = await users.byName(name.canonical);
  if (user === undefined) return undefined;
  return (await link(deps, identity, user.userId, request)) === user.userId ? user : undefined;
}
