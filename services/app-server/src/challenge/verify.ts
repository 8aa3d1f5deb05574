import {
  addressOfChallenge,
  MfaError,
  type challengeVerify,
  type InputOf,
  type Method,
  type VerifiedChallenge,
} from '@countersign/contracts';
import { parseCode } from '@countersign/otp';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { ResultSigner } from '../keys/signing.ts';
import type { Continuity } from '../ledger/continuity.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { decideVerify } from './decide.ts';
import { matcherFor } from './match.ts';
import type { Wake } from './wake.ts';

export interface VerifyDependencies {
  ledger: Ledger;
  continuity: Continuity;
  users: LoginUsers;
  policies: Policies;
  signer: ResultSigner;
  ring: KeyRing;
  wake: Wake;
  now: () => number;
}

/**
 * Takes the code a person typed. One append decides; this file gathers what the decision needs and signs what it says.
 * @throws MfaError REQUEST_INVALID (nothing was evaluated), CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, TRY_LATER, CODE_REJECTED,
 * UNAVAILABLE.
 */
export async function verify(
  deps: VerifyDependencies,
  input: InputOf<typeof challengeVerify>,
  request: AuthorisedRequest,
): Promise<VerifiedChallenge> {
  const { application, attemptId } = request;
  const { challengeId } = input;
  const code = parseCode(input.code);
  if (code === undefined) {
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/code', message: 'must be 6 to 10 digits' }] });
  }
  const address = addressOfChallenge(challengeId);
  if (address === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');

  const { userId, key } = address;
  const policy = deps.policies.effective(application.applicationId);
  const user = await deps.users.byId(userId);
  const matcher = matcherFor(deps, user, policy.totp, challengeId, code);
  const approval = await deps.ledger
    .act(
      userId,
      attemptId,
      (state, now) =>
        decideVerify(
          state,
          {
            key,
            applicationId: application.applicationId,
            purpose: 'login',
            attemptId,
            code,
            otherDigits: matcher.otherDigits,
            attempts: policy.attempts,
            cost: matcher.cost,
            floor: deps.continuity.floor(),
            disabled: user?.status === 'disabled',
            matches: (challenge) => matcher.matches(state, challenge, now),
          },
          now,
        ),
      { traceId: request.traceId },
    )
    .then(({ event }): Approval => {
      if (event.type === 'challenge.approved') return { method: event.method, at: event.at };
      if (event.type === 'code.rejected') throw new MfaError('CODE_REJECTED', { reason: event.reason });
      throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
    })
    .catch((refusal: unknown) => approvedBefore(deps, userId, key, attemptId, refusal));

  if (user === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'approved user unread' });
  deps.wake.publish(challengeId);
  const { method, at } = approval;
  const result = await deps.signer.sign({ user, application, challengeId, method, at, policy });
  return { challengeId, state: 'approved', method, result };
}

interface Approval {
  method: Method;
  at: number;
}

/** A repeated attempt that was approved, and that others came after, hears so again: it is the same login, told twice. */
async function approvedBefore(
  deps: VerifyDependencies,
  userId: string,
  key: string,
  attemptId: string,
  refusal: unknown,
): Promise<Approval> {
  if (!(refusal instanceof MfaError) || refusal.code !== 'CHALLENGE_CLOSED') throw refusal;
  const state = await deps.ledger.peek(userId);
  const closed = state.closed.find((candidate) => candidate.key === key && candidate.attemptId === attemptId);
  // An approval is not told after the challenge's time (INV-6).
  const inTime = closed !== undefined && deps.now() < closed.expiresAt;
  if (!inTime || closed.purpose !== undefined || closed.state !== 'approved') throw refusal;
  if (closed.method === 'bypass') throw refusal;
  return { method: closed.method, at: deps.now() };
}
