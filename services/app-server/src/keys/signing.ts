import { MfaError, type Method, type Policy } from '@countersign/contracts';
import type { Application } from '../application/authorise.ts';
import type { LoginUser } from '../user/store.ts';
import type { SigningKeys } from './signing-keys.ts';

/** RFC 8176 section 2. A one-time bypass is no authentication, and says so by naming no method. */
const AMR: Record<Method | 'bypass', string[]> = {
  // A key that was shown to be held, and somebody there. Not `hwk`: without attestation nobody knows what holds it.
  passkey: ['pop', 'user'],
  // A key on another device than the one that signs in, and somebody there who typed what they saw.
  app: ['pop', 'user', 'mca'],
  totp: ['otp'],
  sms: ['sms', 'otp'],
  recovery: ['otp'],
  bypass: [],
};

/** What a signed result says. */
export interface ResultFacts {
  user: LoginUser;
  application: Application;
  challengeId: string;
  method: Method | 'bypass';
  /** When the user answered, ms since the epoch. */
  at: number;
  policy: Policy;
  /** Of a passkey: unlocked by PIN or body, which makes it two factors. */
  userVerified?: boolean;
}

/** Signs approvals. */
export class ResultSigner {
  readonly #keys: SigningKeys;
  readonly #now: () => number;

  constructor(keys: SigningKeys, now: () => number) {
    this.#keys = keys;
    this.#now = now;
  }

  /** A JWT that proves one approval, to one application, for a short time. */
  async sign({ user, application, challengeId, method, at, policy, userVerified }: ResultFacts): Promise<string> {
    // From the approval on, not from now: whoever asks again for the same approval gets no more time (INV-6).
    const issuedAt = Math.floor(at / 1000);
    const expiresAt = issuedAt + policy.result.lifeSeconds;
    if (this.#now() >= expiresAt * 1000) throw new MfaError('CHALLENGE_CLOSED');
    return this.#keys.sign(
      'result',
      { audience: application.applicationId, subject: user.userId, id: challengeId, issuedAt, expiresAt },
      {
        username: user.username,
        application: application.name,
        challenge: challengeId,
        amr: amrOf(method, userVerified),
        auth_time: issuedAt,
        ...application.answering,
      },
    );
  }
}

export function amrOf(method: Method | 'bypass', userVerified = false): string[] {
  return userVerified ? [...AMR[method], 'mfa'] : AMR[method];
}
