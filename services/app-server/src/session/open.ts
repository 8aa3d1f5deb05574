import { MfaError, type InputOf, type OpenedSession, type Policy, type sessionOpen } from '@countersign/contracts';
import { parseLookupSecret } from '@countersign/otp';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { UserState } from '../challenge/state.ts';
import { decideRedeem } from '../enrolment/decide.ts';
import { accessCodeMac } from '../enrolment/code.ts';
import type { Evidence, FirstFactorFacts } from '../evidence/evidence.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUsers } from '../user/login-users.ts';
import type { LoginUser } from '../user/store.ts';
import { assertWelcome, beginSession, openedSession, type NewSession } from './opened.ts';
import { noteSignIn, type NoteDependencies } from './note.ts';
import { nextStep, type StandingDependencies } from './standing.ts';

export interface OpenDependencies extends StandingDependencies, NoteDependencies {
  ledger: UserLedger;
  users: LoginUsers;
  policies: Policies;
  evidence: Evidence;
  ring: KeyRing;
  trail: Trail;
}

type Input = InputOf<typeof sessionOpen>;

/** A result is dated to the second. */
const SECOND_MS = 1000;

/**
 * Signs somebody in who has proved a first factor, with what it takes besides (R16). No step can be left out: what was proved before
 * comes signed, and for whom (R14, R19).
 * @throws MfaError SIGN_IN_NEEDED, NOT_ALLOWED, ACCESS_CODE_NEEDED, CODE_REJECTED, TRY_LATER, UNAVAILABLE.
 */
export async function open(deps: OpenDependencies, input: Input, request: AuthorisedRequest): Promise<OpenedSession> {
  const { application } = request;
  const first = await deps.evidence.readFirstFactor(input.firstFactor, application);
  const policy = deps.policies.effective(application.applicationId);
  const user = await deps.users.byId(first.userId);
  const state = await deps.ledger.peek(first.userId);
  assertWelcome(user, state, { level: 'full', issuedAt: first.issuedAt });
  assertOffered(first, policy.portal);

  const opening =
    input.proof === undefined
      ? await withoutFactor(deps, { user, state, first, policy, accessCode: input.accessCode }, request)
      : await withProof(deps, { user, first, proof: input.proof }, request);
  // Whoever signed everybody out meanwhile signed out this one as well; what comes after is later than the session.
  const now = deps.now();
  // From the leader: a copy that is behind would not know of it.
  const since = await deps.ledger.peek(user.userId, () => false);
  assertWelcome(user, since, { level: 'full', issuedAt: first.issuedAt });
  const facts = beginSession(opening, since, policy.portal, request, now);
  await noteSignIn(deps, { facts, context: input.context }, request);
  return openedSession(deps.evidence, user, facts, policy.portal, request);
}

/** How the first factor was proved, where the policy offers it by now. @throws MfaError NOT_ALLOWED. */
function assertOffered({ amr }: FirstFactorFacts, { signIn }: Policy['portal']): void {
  const isOffered = amr.includes('fed') ? signIn.includes('provider') : signIn.includes('password');
  if (!isOffered) throw new MfaError('NOT_ALLOWED', { reason: `signIn ${amr.join(' ')}` });
}

async function withProof(
  { evidence }: OpenDependencies,
  { user, first, proof: token }: { user: LoginUser; first: FirstFactorFacts; proof: string },
  { application }: AuthorisedRequest,
): Promise<NewSession> {
  const proof = await evidence.readProof(token, application);
  // Of somebody else, or from before this person said who they are.
  if (proof.userId !== user.userId || proof.at + SECOND_MS <= first.at) {
    throw new MfaError('SIGN_IN_NEEDED', { reason: 'proof of another sign-in' });
  }
  // A bypass lets in, and is nobody's factor: nothing sensitive follows from it.
  const confirmedAt = proof.amr.length === 0 ? 0 : proof.at;
  return { user, level: 'full', amr: [...first.amr, ...proof.amr], confirmedAt };
}

interface Newcomer {
  user: LoginUser;
  state: UserState;
  first: FirstFactorFacts;
  policy: Policy;
  accessCode: string | undefined;
}

async function withoutFactor(
  deps: OpenDependencies,
  { user, state, first, policy, accessCode }: Newcomer,
  request: AuthorisedRequest,
): Promise<NewSession> {
  const next = await nextStep(deps, user, state, policy.portal);
  if (next === 'second-factor') throw new MfaError('SIGN_IN_NEEDED', { reason: 'no second factor' });
  if (accessCode !== undefined) await redeem(deps, user.userId, accessCode, policy, request);
  else if (next === 'access-code') throw new MfaError('ACCESS_CODE_NEEDED');
  return { user, level: 'enrolment', amr: first.amr, confirmedAt: 0 };
}

async function redeem(
  { ledger, ring }: OpenDependencies,
  userId: string,
  typed: string,
  { attempts }: Policy,
  { application: { applicationId }, attemptId, traceId, deadline }: AuthorisedRequest,
): Promise<void> {
  const secret = parseLookupSecret(typed);
  if (secret === undefined) {
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/accessCode', message: 'is not an access code' }] });
  }
  const codeMac = accessCodeMac(ring, userId, secret);
  const { event } = await ledger.act(
    userId,
    attemptId,
    (state, now) => decideRedeem(state, { applicationId, codeMac, attempts }, now),
    { traceId, deadline },
  );
  if (event.type === 'enrolment.rejected') throw new MfaError('CODE_REJECTED', { reason: event.reason });
  if (event.type !== 'enrolment.used') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
}
