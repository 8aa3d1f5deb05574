import { addressOfChallenge, MfaError } from '@countersign/contracts';
import type { Applications } from '../application/applications.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Evidence, HandoverFacts } from '../evidence/evidence.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { Policies } from '../policy/policies.ts';
import { canonicalUsername } from '../user/canonical.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { decoyIdOf } from '../user/decoy.ts';

export interface HandoverDependencies {
  applications: Pick<Applications, 'all'>;
  evidence: Evidence;
  policies: Policies;
  users: LoginUsers;
  ring: KeyRing;
}

export interface OnBehalf {
  facts: HandoverFacts;
  /** The same call, as the application that asked: its policy, its challenges, its result. */
  request: AuthorisedRequest;
}

/**
 * Whom the portal acts for. The signed request alone says so, and the application must still be there and still send people back to
 * where it said.
 * @throws MfaError CHALLENGE_CLOSED.
 */
export async function onBehalf(
  { applications, evidence, policies }: HandoverDependencies,
  token: string,
  request: AuthorisedRequest,
): Promise<OnBehalf> {
  const facts = await evidence.readHandover(token);
  const application = applications.all().find(({ applicationId }) => applicationId === facts.applicationId);
  const { applicationId } = facts;
  if (application === undefined || !policies.effective(applicationId).handover.returnUrls.includes(facts.returnUrl)) {
    throw new MfaError('CHALLENGE_CLOSED', { reason: 'hand-over withdrawn' });
  }
  const { name } = application;
  const { language, state, username: asked } = facts;
  const answering = { state, asked };
  const asking = { applicationId, name, scopes: ['challenge'] as const, answering };
  return {
    facts,
    request: { ...request, application: { ...asking, ...(language !== undefined && { promptLanguage: language }) } },
  };
}

/** A challenge of somebody else, whose approval would complete this person's sign-in, does not exist here (R14). @throws MfaError CHALLENGE_NOT_FOUND. */
export async function assertOfPerson(
  { users, ring }: HandoverDependencies,
  { username }: HandoverFacts,
  challengeId: string,
): Promise<void> {
  const name = canonicalUsername(username);
  const address = addressOfChallenge(challengeId);
  if ('refused' in name || address === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');
  const user = await users.byName(name.canonical);
  const userId = user?.userId ?? decoyIdOf(ring, name.canonical);
  if (address.userId !== userId) throw new MfaError('CHALLENGE_NOT_FOUND', { reason: 'of another user' });
}
