import type { InputOf, OpenedSession, sessionAccept } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Evidence } from '../evidence/evidence.ts';
import { amrOf } from '../keys/signing.ts';
import { acceptPasskey, type AcceptPasskeyDependencies } from '../passkey/accept.ts';
import type { RelyingParty } from '../passkey/relying-party.ts';
import type { Policies } from '../policy/policies.ts';
import { relyingPartyFor } from './invite.ts';
import { noteSignIn, type NoteDependencies } from './note.ts';
import { assertWelcome, beginSession, openedSession } from './opened.ts';

export interface AcceptDependencies extends AcceptPasskeyDependencies, NoteDependencies {
  policies: Policies;
  relyingParty: RelyingParty | undefined;
  evidence: Evidence;
}

/**
 * Signs somebody in by passkey alone, which is two factors: the key, and what unlocks it.
 * @throws MfaError NOT_ALLOWED, CHALLENGE_CLOSED, CREDENTIALS_REJECTED, SIGN_IN_NEEDED, UNAVAILABLE.
 */
export async function accept(
  deps: AcceptDependencies,
  input: InputOf<typeof sessionAccept>,
  request: AuthorisedRequest,
): Promise<OpenedSession> {
  const { applicationId } = request.application;
  const relyingParty = relyingPartyFor(deps, applicationId);
  const policy = deps.policies.effective(applicationId);
  const { user, at } = await acceptPasskey(deps, relyingParty, policy.passkeys, input, request);
  const now = deps.now();
  const state = await deps.ledger.peek(user.userId);
  assertWelcome(user, state);
  const opening = { user, level: 'full', amr: amrOf('passkey', true), confirmedAt: at } as const;
  const facts = beginSession(opening, state, policy.portal, request, now);
  await noteSignIn(deps, { facts, context: input.context }, request);
  return openedSession(deps.evidence, user, facts, policy.portal, request);
}
