import { createHash } from 'node:crypto';
import { MfaError, type AccessLevel, type OpenedSession, type Policy } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { isSignedOutSince, signedOutAt, type Said, type UserState } from '../challenge/state.ts';
import type { AccessFacts, Evidence } from '../evidence/evidence.ts';
import type { LoginUser } from '../user/store.ts';

/** Names a session after the attempt that opened it, so that one that is repeated opens the same (INV-21). */
function sessionIdOf(attemptId: string): string {
  return createHash('sha256').update(`session/${attemptId}`).digest('base64url').slice(0, 22);
}

export interface NewSession {
  user: LoginUser;
  level: AccessLevel;
  amr: readonly string[];
  /** When a second factor was right, ms since the epoch; 0: none was. */
  confirmedAt: number;
}

/** A session that begins now and ends by itself, whatever is done in it. */
export function beginSession(
  { user, level, amr, confirmedAt }: NewSession,
  state: UserState,
  policy: Policy['portal'],
  { attemptId }: Pick<AuthorisedRequest, 'attemptId'>,
  now: number,
): AccessFacts {
  const endsAt = now + policy.absoluteSeconds * 1000;
  const issuedAt = Math.max(now, signedOutAt(state, level));
  return { sessionId: sessionIdOf(attemptId), userId: user.userId, level, amr, confirmedAt, issuedAt, endsAt };
}

/** What the portal needs to keep, and nothing that lets it do more. */
export async function openedSession(
  evidence: Evidence,
  user: LoginUser,
  facts: AccessFacts,
  policy: Policy['portal'],
  { application }: Pick<AuthorisedRequest, 'application'>,
): Promise<OpenedSession> {
  return {
    access: await evidence.issueAccess(facts, application),
    level: facts.level,
    userId: user.userId,
    username: user.username,
    ...(user.displayName !== undefined && { displayName: user.displayName }),
    ...(user.language !== undefined && { language: user.language }),
    freshUntil: iso(freshUntil(facts, policy)),
    expiresAt: iso(facts.endsAt),
    idleSeconds: policy.idleSeconds,
    maxSessions: policy.maxSessions,
  };
}

/** Until when what is sensitive may be done without another second factor (APP-08), ms since the epoch. */
export function freshUntil({ confirmedAt }: Pick<AccessFacts, 'confirmedAt'>, policy: Policy['portal']): number {
  return confirmedAt === 0 ? 0 : confirmedAt + policy.freshSeconds * 1000;
}

/**
 * Somebody who is disabled or blocked is nobody here, at every stage (R17), and so is who shows what was said before they were signed out.
 * @param said what they show.
 * @throws MfaError SIGN_IN_NEEDED.
 */
export function assertWelcome(user: LoginUser | undefined, state: UserState, said?: Said): asserts user is LoginUser {
  if (user === undefined) throw new MfaError('SIGN_IN_NEEDED', { reason: 'no such user' });
  if (user.status === 'disabled' || state.disabled === true) {
    throw new MfaError('SIGN_IN_NEEDED', { reason: 'disabled' });
  }
  if (state.blocked !== undefined) throw new MfaError('SIGN_IN_NEEDED', { reason: 'blocked' });
  if (said !== undefined && isSignedOutSince(state, said)) {
    throw new MfaError('SIGN_IN_NEEDED', { reason: 'signed out since' });
  }
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
