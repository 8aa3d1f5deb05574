import { DEFAULT_POLICY, type Policy } from '@countersign/contracts';
import { totpCode, totpStep, type TotpParameters } from '@countersign/otp';
import type { Application } from '../../application/authorise.ts';
import { loadKeyRing } from '../../keys/ring.ts';
import type { LoginAuthenticator, LoginUser } from '../../user/store.ts';
import type { SeededRandom } from './random.ts';

/** When every schedule begins. In the middle of a TOTP step, on no round number. */
export const BEGIN = Date.UTC(2026, 10, 23, 9, 30, 11, 345);

export const RING = loadKeyRing(`simulated:${Buffer.alloc(32, 42).toString('base64')}`);

export const APPLICATIONS: readonly Application[] = [
  { applicationId: '0f8fad5b-d9cb-469f-a165-70867728950e', name: 'Intranet', scopes: ['challenge'] },
  { applicationId: '7c9e6679-7425-40de-944b-e07fc1f90ae7', name: 'VPN', scopes: ['challenge'] },
];

/** Somebody with one token, whose clock is some steps off, and one phone. */
export interface Person {
  user: LoginUser;
  token: TotpParameters;
  clockSteps: number;
}

const NAMES = ['alice', 'boris', 'chiara'];
const PERIOD_MS = 30_000;

function authenticator(id: string, type: LoginAuthenticator['type'], createdAt: number): LoginAuthenticator {
  return {
    authenticatorId: id,
    type,
    state: 'active',
    createdAt,
    algorithm: 'SHA1',
    digits: 6,
    periodSeconds: 30,
    sealed: id,
    ...(type === 'phone' && { phoneEnd: '12' }),
  };
}

function uuid(kind: number, index: number): string {
  return `${kind}${index}000000-0000-4000-8000-00000000000${index}`;
}

export function peopleEnrolledAt(at: number, random: SeededRandom): Person[] {
  return NAMES.map((username, index) => ({
    user: {
      userId: uuid(1, index),
      username,
      status: 'enabled',
      authenticators: [authenticator(uuid(2, index), 'totp', at), authenticator(uuid(3, index), 'phone', at)],
    },
    token: { secret: Buffer.alloc(20, index + 1), algorithm: 'SHA1', digits: 6, periodSeconds: 30 },
    clockSteps: random.chance(0.7) ? 0 : random.pick([-1, 1]),
  }));
}

export function codeShown({ token, clockSteps }: Person, now: number): string {
  return totpCode(token, totpStep(now, token.periodSeconds) + clockSteps);
}

/** Whether each code that these tokens can show in a schedule belongs to one step; the judges take a code for its step. */
export function codesAreUnique(person: Person, lastsMs: number): boolean {
  const steps = Math.ceil(lastsMs / PERIOD_MS) + 20;
  const codes = Array.from({ length: steps }, (_, index) => codeShown(person, BEGIN + (index - 10) * PERIOD_MS));
  return new Set(codes).size === steps;
}

/** Little of everything, so that its end is met. */
export const STRICT: Policy = {
  ...DEFAULT_POLICY,
  challenge: { lifeSeconds: 30 },
  code: { ...DEFAULT_POLICY.code, lifeSeconds: 30 },
  messages: { ...DEFAULT_POLICY.messages, resendWaitSeconds: 1 },
  attempts: {
    free: 3,
    firstWaitSeconds: 2,
    longestWaitSeconds: 10,
    anywhere: { burst: 5, refillSeconds: 3600 },
    knownDevice: { burst: 4, refillSeconds: 3600 },
  },
};

/** Under the default policy somebody who replays codes is soon kept waiting; with this one the codes themselves must not be right. */
export const PATIENT: Policy = {
  ...DEFAULT_POLICY,
  messages: STRICT.messages,
  attempts: {
    ...DEFAULT_POLICY.attempts,
    free: 20,
    anywhere: { burst: 100, refillSeconds: 60 },
    knownDevice: { burst: 100, refillSeconds: 60 },
  },
};
