import { boundDriftSteps, matchTotpStep, nextDriftSteps, type TotpParameters } from '@countersign/otp';
import type { Policy } from '@countersign/contracts';
import type { KeyRing } from '../keys/ring.ts';
import type { LoginUsers } from '../user/login-users.ts';
import type { LoginAuthenticator, LoginUser } from '../user/store.ts';
import { isCodeSent } from './code.ts';
import type { Match } from './decide.ts';
import type { OpenChallenge, UserState } from './state.ts';

/** Holds one code against everything a user could have taken it from. */
export interface Matcher {
  /** Digits shown by the user's TOTP authenticators. */
  otherDigits: number[];
  /** Authenticators a TOTP code is held against: the chances that one guess has. */
  cost: number;
  matches: (state: UserState, challenge: OpenChallenge, now: number) => Match[];
}

/** Nobody's secret: codes for users without TOTP are held against it, and the result is thrown away (R21). */
const NOBODY: TotpParameters = { secret: new Uint8Array(20), algorithm: 'SHA1', digits: 6, periodSeconds: 30 };

export function matcherFor(
  deps: { ring: KeyRing; users: LoginUsers },
  user: LoginUser | undefined,
  policy: Policy['totp'],
  challengeId: string,
  code: string,
): Matcher {
  const totps = user?.authenticators.filter(({ type, state }) => type === 'totp' && state === 'active') ?? [];
  return {
    otherDigits: totps.map(({ digits }) => digits),
    cost: Math.max(1, totps.length),
    matches: (state, challenge, now) => {
      if (challenge.method === 'totp')
        return totpMatches(deps, candidates(user, totps, challenge), policy, state, code, now);
      const right = isCodeSent(deps.ring, challengeId, challenge, code);
      const { authenticatorId } = challenge;
      return right && authenticatorId !== undefined ? [{ authenticatorId }] : [];
    },
  };
}

/** An enrolment is answered by the one authenticator being enrolled; a login by any that is active. */
function candidates(
  user: LoginUser | undefined,
  active: LoginAuthenticator[],
  challenge: OpenChallenge,
): LoginAuthenticator[] {
  if (challenge.authenticatorId === undefined) return active;
  return user?.authenticators.filter(({ authenticatorId }) => authenticatorId === challenge.authenticatorId) ?? [];
}

function totpMatches(
  { users }: { users: LoginUsers },
  authenticators: LoginAuthenticator[],
  policy: Policy['totp'],
  state: UserState,
  code: string,
  now: number,
): Match[] {
  const windowSteps = { past: policy.pastSteps, future: policy.futureSteps };
  if (authenticators.length === 0) {
    matchTotpStep(NOBODY, code, { nowMs: now, windowSteps, driftSteps: 0 });
    return [];
  }
  return authenticators.flatMap((authenticator) => {
    const { authenticatorId, periodSeconds, createdAt } = authenticator;
    const record = state.factors[authenticatorId];
    // A policy that was tightened meanwhile holds at once.
    const driftSteps = boundDriftSteps(record?.driftSteps ?? 0, policy.maxDriftSteps);
    const step = matchTotpStep(users.totpParameters(authenticator), code, { nowMs: now, windowSteps, driftSteps });
    if (step === undefined) return [];
    const { futureSteps, maxDriftSteps } = policy;
    const nextDrift = nextDriftSteps(driftSteps, step, now, periodSeconds, maxDriftSteps);
    return [
      {
        authenticatorId,
        totp: { step, driftSteps: nextDrift, periodSeconds, createdAt, futureSteps, maxDriftSteps },
      },
    ];
  });
}
