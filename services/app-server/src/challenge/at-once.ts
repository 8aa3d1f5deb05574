import { MfaError } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import { canonicalUsername } from '../user/canonical.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { browserFingerprint } from './browser.ts';
import { decideAtOnce, type StartCommand } from './decide.ts';
import type { EventContext } from './events.ts';
import { matcherFor } from './match.ts';
import { decoyIdOf } from '../user/decoy.ts';

export interface AtOnceDependencies {
  users: LoginUsers;
  ledger: UserLedger;
  policies: Pick<Policies, 'effective'>;
  ring: KeyRing;
  trail: Trail;
  randomBytes: (size: number) => Buffer;
  now: () => number;
}

export interface CodeAtOnce {
  username: string;
  /** Of an authenticator that shows codes; digits only, see parseCode in packages/otp. */
  code: string;
  context: EventContext | undefined;
}

/**
 * A login that brings its code along: decided by one append, with nothing open in between.
 * @returns whose it is, once they are let in.
 * @throws MfaError CODE_REJECTED, TRY_LATER, METHOD_UNAVAILABLE where the policy takes no such codes, or a PIN beside them, UNAVAILABLE.
 */
export async function answerAtOnce(
  deps: AtOnceDependencies,
  { username, code, context }: CodeAtOnce,
  request: AuthorisedRequest,
): Promise<{ userId: string }> {
  const { ring, ledger, randomBytes } = deps;
  const { attemptId, application, traceId } = request;
  const { applicationId } = application;
  const policy = deps.policies.effective(applicationId);
  const asksPin: readonly string[] = policy.pin.methods;
  if (!policy.methods.order.includes('totp') || asksPin.includes('totp')) throw new MfaError('METHOD_UNAVAILABLE');
  const name = canonicalUsername(username);
  if ('refused' in name) {
    const reason = name.refused;
    await deps.trail.record({ type: 'challenge.refused', at: deps.now(), applicationId, attemptId, traceId, reason });
    throw new MfaError('CODE_REJECTED', { reason });
  }
  const user = await deps.users.byName(name.canonical);
  const userId = user?.userId ?? decoyIdOf(ring, name.canonical);
  const isDisabled = user?.status === 'disabled';
  const matcher = matcherFor(deps, user, policy.totp, '', code);
  const browser = browserFingerprint(ring, userId, applicationId, context);
  const start: StartCommand = {
    key: randomBytes(16).toString('base64url'),
    applicationId,
    purpose: 'login',
    method: 'totp',
    digits: matcher.otherDigits[0] ?? code.length,
    lifeMs: policy.challenge.lifeSeconds * 1000,
    attempts: policy.attempts,
    cost: matcher.cost,
    attemptId,
    reveal: false,
    disabled: isDisabled,
    ...(browser !== undefined && { device: browser }),
    ...(context !== undefined && { context }),
  };
  const { event } = await ledger.act(
    userId,
    attemptId,
    (state, now, floor) =>
      decideAtOnce(
        state,
        start,
        (key) => ({
          key,
          applicationId,
          purpose: 'login',
          code,
          otherDigits: matcher.otherDigits,
          attempts: policy.attempts,
          cost: matcher.cost,
          attemptId,
          floor,
          disabled: isDisabled,
          matches: (challenge) => matcher.matches(state, challenge, now),
        }),
        now,
      ),
    request,
  );
  if (event.type === 'code.rejected') throw new MfaError('CODE_REJECTED', { reason: event.reason });
  if (event.type !== 'challenge.approved' && event.type !== 'bypass.used') {
    throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  }
  if (event.applicationId !== applicationId) throw new MfaError('INTERNAL', { reason: 'attempt of another' });
  if (user === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'approved user unread' });
  return { userId };
}
