import type { handoverStart, InputOf, OutputOf, StartedChallenge } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { start as startChallenge, type StartDependencies as ChallengeDependencies } from '../challenge/start.ts';
import type { HandoverFacts } from '../evidence/evidence.ts';
import { onBehalf, type HandoverDependencies } from './on-behalf.ts';

type Output = OutputOf<typeof handoverStart>;

/**
 * Asks the person, as the application would have, by whatever our page can take.
 * @throws MfaError CHALLENGE_CLOSED (the request is over), REQUEST_INVALID, METHOD_UNAVAILABLE, TRY_LATER, UNAVAILABLE.
 */
export async function start(
  deps: HandoverDependencies & ChallengeDependencies,
  { request: token, method, context, language }: InputOf<typeof handoverStart>,
  request: AuthorisedRequest,
): Promise<Output> {
  const { facts, request: theirs } = await onBehalf(deps, token, request);
  const input = {
    username: facts.username,
    also: ['passkey', 'app', 'recovery'] as const,
    ...(method !== undefined && { method }),
    ...(context !== undefined && { context }),
    // As the application says, where it says so: the page does the same.
    ...(language !== undefined && facts.language === undefined && { language }),
  };
  return shown(await startChallenge(deps, { ...input, also: [...input.also] }, theirs), facts);
}

/** A challenge, with what the page has to say beside it. */
export function shown(challenge: StartedChallenge, facts: HandoverFacts): Output {
  const { challengeId, state, method, prompt, expiresAt, alternatives, pin, number, passkey, result } = challenge;
  return {
    challengeId,
    state: state === 'approved' ? 'approved' : 'pending',
    method,
    prompt,
    expiresAt,
    alternatives,
    ...(pin !== undefined && { pin }),
    ...(number !== undefined && { number }),
    ...(passkey !== undefined && { passkey }),
    ...(result !== undefined && { result }),
    returnUrl: facts.returnUrl,
    returnState: facts.state,
    application: facts.applicationName,
    username: facts.username,
    ...(facts.language !== undefined && { language: facts.language }),
  };
}
