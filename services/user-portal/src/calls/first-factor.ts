import { MfaError, NOBODY, sessionOpen, type OutputOf, type passwordVerify } from '@countersign/contracts';
import type { Standing } from '../api.ts';
import { signedIn, standingOf, type SigningIn } from '../session/state.ts';
import type { CallContext, Outcome } from './call.ts';
import { pose } from './question.ts';

/** Goes on after a first factor, whichever it was: asks for the second, or lets somebody in who has none yet. */
export async function afterFirstFactor(
  context: CallContext,
  answer: OutputOf<typeof passwordVerify>,
): Promise<Outcome<Standing>> {
  const { firstFactor, username, language, next } = answer;
  const displayName = answer.displayName ?? username;
  if (next === 'enrolment' || next === 'nothing') return openSession(context, { firstFactor });
  const first = { firstFactor, username, displayName, ...(language !== undefined && { language }), next };
  const state: SigningIn = { stage: 'signing-in', startedAt: context.now(), first };
  if (next === 'access-code') return { answer: standingOf(state), becomes: 'rise', state, owner: NOBODY };
  const posed = await pose(context, { username, evidence: firstFactor }, undefined).catch((error: unknown) => {
    // The page says why, and lets the person ask for another way. What passes by itself is asked again by the page.
    if (error instanceof MfaError && error.code !== 'INTERNAL' && error.code !== 'UNAVAILABLE') {
      return { unasked: error.code };
    }
    throw error;
  });
  if ('proof' in posed) return openSession(context, { firstFactor, proof: posed.proof });
  const asked: SigningIn = { ...state, ...posed };
  return { answer: standingOf(asked), becomes: 'rise', state: asked, owner: NOBODY };
}

/** From here on somebody is signed in. */
export async function openSession(
  { ask, browser, now }: CallContext,
  evidence: { firstFactor: string; proof?: string; accessCode?: string },
): Promise<Outcome<Standing>> {
  const opened = await ask(sessionOpen, { ...evidence, context: browser });
  const state = signedIn(opened, now());
  return { answer: standingOf(state), becomes: 'rise', state, owner: opened.userId, maxSessions: opened.maxSessions };
}
