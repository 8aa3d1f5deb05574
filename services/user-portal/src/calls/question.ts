import { challengeStart, type Method, type StartedChallenge } from '@countersign/contracts';
import type { OpenQuestion } from '../session/state.ts';
import type { CallContext } from './call.ts';

/** What a page can take besides codes that are sent or shown by an app. */
const ALSO = ['passkey', 'app', 'recovery'] as const;

/** Who is asked, and for which sign-in or session: where that has ended meanwhile, nothing is sent for it any more. */
export interface Person {
  username: string;
  evidence: string;
}

/**
 * Asks a person for a second factor.
 * @returns the question; or, where none is asked after a one-time bypass, what proves it.
 */
export async function pose(
  { ask, browser, language }: CallContext,
  { username, evidence }: Person,
  method: Method | undefined,
): Promise<{ question: OpenQuestion } | { proof: string }> {
  const started = await ask(challengeStart, {
    username,
    also: [...ALSO],
    evidence,
    language,
    context: browser,
    ...(method !== undefined && { method }),
  });
  return started.result === undefined ? { question: { ...questionOf(started), language } } : { proof: started.result };
}

/** What is kept of a challenge that was started, for an application too. */
export function questionOf(started: Omit<StartedChallenge, 'state'>): OpenQuestion {
  const { challengeId, method, prompt, expiresAt, alternatives, pin, number, passkey } = started;
  return {
    challengeId,
    method,
    prompt,
    expiresAt,
    alternatives,
    ...(pin !== undefined && { pin }),
    ...(number !== undefined && { number }),
    ...(passkey !== undefined && { passkey }),
  };
}
