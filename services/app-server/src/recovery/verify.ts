import { timingSafeEqual } from 'node:crypto';
import { MfaError, type VerifiedChallenge } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import { decideVerify, type LookCommand, type VerifyCommand } from '../challenge/decide.ts';
import { approved } from '../challenge/approved.ts';
import type { Wake } from '../challenge/wake.ts';
import { violatedConstraint } from '../database/failure.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { ResultSigner } from '../keys/signing.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { claimCode, recoverySetOf, type RecoverySet } from './store.ts';

export interface RecoveryDependencies {
  router: Router;
  ledger: UserLedger;
  users: LoginUsers;
  policies: Pick<Policies, 'effective'>;
  signer: Pick<ResultSigner, 'sign'>;
  ring: KeyRing;
  wake: Wake;
  trail: Trail;
  now: () => number;
}

/** Of a code, bound to its set: the same code of another set is another. */
export function recoveryMac(ring: KeyRing, setId: string, secret: string): Buffer {
  return ring.mac('recovery', setId, secret);
}

/**
 * Answers a challenge with a recovery code. The code is spent in Postgres before the ledger says yes (ADR 16): whoever dies in between has
 * wasted it, and nobody uses one twice, not even after the ledger lost what it held. So this way in needs the primary; no other does.
 * @throws MfaError CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, TRY_LATER, CODE_REJECTED, REQUEST_INVALID, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function verifyRecoveryCode(
  deps: RecoveryDependencies,
  { challengeId, userId, key }: { challengeId: string; userId: string; key: string },
  secret: string,
  request: AuthorisedRequest,
  { turn }: Pick<LookCommand, 'turn'> = {},
): Promise<VerifiedChallenge> {
  const { application, attemptId } = request;
  const user = await deps.users.byId(userId);
  const set = await recoverySetOf(deps.router, userId);
  const index = indexOf(deps.ring, set, secret);
  const command = (isRight: boolean): VerifyCommand => ({
    key,
    applicationId: application.applicationId,
    purpose: 'login',
    attemptId,
    code: secret,
    otherDigits: [],
    attempts: deps.policies.effective(application.applicationId).attempts,
    cost: 1,
    turn,
    // Of time steps; a recovery code has none.
    floor: { at: 0 },
    disabled: user?.status === 'disabled',
    matches: ({ method, authenticatorId }) =>
      isRight && method === 'recovery' && set !== undefined && authenticatorId === set.setId
        ? [{ authenticatorId: set.setId }]
        : [],
  });

  // What the ledger would refuse anyhow spends no code.
  const state = await deps.ledger.peek(userId);
  const wouldBe = decideVerify(state, command(index !== undefined), deps.now());
  const isRight = 'append' in wouldBe && wouldBe.append.type === 'challenge.approved';
  if (isRight && set !== undefined && index !== undefined) {
    if (!(await claim(deps, set.setId, index, attemptId))) return spentBefore(deps, userId, challengeId, request);
  }
  // A repeated attempt finds its own approval in the ledger, whatever it would decide now.
  const { event } = await deps.ledger.act(
    userId,
    attemptId,
    (current, now) => decideVerify(current, command(isRight), now),
    request,
  );
  return approved(deps, { challengeId, key, user }, event, request);
}

/** A code that was used is no guess: it spends nothing, so that whoever sent it twice at once is not kept out by it. */
async function spentBefore(
  { trail, now }: RecoveryDependencies,
  userId: string,
  challengeId: string,
  { attemptId, traceId, application: { applicationId } }: AuthorisedRequest,
): Promise<never> {
  const reason = 'replayed';
  const method = 'recovery';
  const type = 'challenge.refused';
  await trail.record({ type, at: now(), attemptId, traceId, userId, applicationId, challengeId, method, reason });
  throw new MfaError('CODE_REJECTED', { reason });
}

async function claim(deps: RecoveryDependencies, setId: string, index: number, attemptId: string): Promise<boolean> {
  try {
    return await deps.router.write((db) => claimCode(db, { setId, index, attemptId, at: new Date(deps.now()) }));
  } catch (error) {
    // The set was replaced meanwhile.
    if (violatedConstraint(error) === 'recovery_use_set_fkey') return false;
    throw error;
  }
}

/** Held against every code of the set, and against none in the same time (R21). */
function indexOf(ring: KeyRing, set: RecoverySet | undefined, secret: string): number | undefined {
  const mac = recoveryMac(ring, set?.setId ?? '', secret);
  const matching = (set?.codeMacs ?? []).map((codeMac, index) => (timingSafeEqual(codeMac, mac) ? index : -1));
  return matching.find((index) => index >= 0);
}
