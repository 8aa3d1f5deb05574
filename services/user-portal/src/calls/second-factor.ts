import {
  challengeAssert,
  challengeClaim,
  challengeGet,
  challengeResend,
  challengeVerify,
  MfaError,
  sessionConfirm,
} from '@countersign/contracts';
import type { CALLS, Standing } from '../api.ts';
import type { Session } from '../session/store.ts';
import { signedIn, standingOf, type OpenQuestion, type SignedIn, type SigningIn } from '../session/state.ts';
import type { CallContext, Handle, Outcome } from './call.ts';
import { openSession } from './first-factor.ts';
import { pose, questionOf, type Person } from './question.ts';
import { untilEnded, WAIT_SECONDS } from './until-ended.ts';

type Calls = typeof CALLS;
type State = SigningIn | SignedIn;

/** While signing in, and once more before something sensitive. */
export const ask: Handle<Calls['ask']> = async (context, { method }, session) => {
  const { state } = session;
  const posed = await pose(context, personOf(state), method);
  if ('proof' in posed) return prove(context, session, posed.proof);
  const asked = { ...state, question: posed.question };
  return { answer: standingOf(asked), becomes: 'keep', state: asked };
};

export const answer: Handle<Calls['answer']> = async (context, { code, pin }, session) => {
  const { challengeId } = questionIn(session.state);
  const { result } = await context.ask(challengeVerify, { challengeId, code, ...(pin !== undefined && { pin }) });
  return prove(context, session, result);
};

export const answerWithPasskey: Handle<Calls['answerWithPasskey']> = async (context, { passkey }, session) => {
  const { challengeId } = questionIn(session.state);
  const { result } = await context.ask(challengeAssert, { challengeId, passkey });
  return prove(context, session, result);
};

/** The session is left as it is: others may change it while this one waits. */
export const wait: Handle<Calls['wait']> = async ({ ask, draining }, { number }, { state }) => {
  const { challengeId } = questionIn(state, number);
  const { evidence } = personOf(state);
  const waitMs = WAIT_SECONDS * 1000;
  const ended = await untilEnded(draining, () =>
    ask(challengeGet, { challengeId, waitSeconds: WAIT_SECONDS, evidence }, { waitMs }),
  );
  return { answer: ended, becomes: 'stay' };
};

export const claim: Handle<Calls['claim']> = async (context, { number }, session) => {
  const { challengeId } = questionIn(session.state, number);
  const { result } = await context.ask(challengeClaim, { challengeId });
  return prove(context, session, result);
};

export const resend: Handle<Calls['resend']> = async (context, _input, { state }) => {
  const { challengeId, prompt, language, alternatives } = questionIn(state);
  const resent = await context.ask(challengeResend, { challengeId });
  // It goes to the same phone, and the sentence is that of the page.
  const said = { prompt, ...(language !== undefined && { language }) };
  const asked = { ...state, question: { ...questionOf(resent), ...said, alternatives } };
  return { answer: standingOf(asked), becomes: 'keep', state: asked };
};

/** A right answer opens the session of who is signing in, and makes that of who is signed in fresh. */
async function prove(context: CallContext, { state }: Session<State>, proof: string): Promise<Outcome<Standing>> {
  if (state.stage === 'signing-in') {
    const { firstFactor } = firstOf(state);
    return openSession(context, { firstFactor, proof });
  }
  const opened = await context.ask(sessionConfirm, { access: state.access, proof });
  const { startedAt } = state;
  const fresh = { ...signedIn(opened, startedAt), startedAt };
  return { answer: standingOf(fresh), becomes: 'rise', state: fresh, owner: opened.userId };
}

function personOf(state: State): Person {
  if (state.stage === 'signed-in') return { username: state.username, evidence: state.access };
  const { username, firstFactor } = firstOf(state);
  return { username, evidence: firstFactor };
}

/** @throws MfaError SIGN_IN_NEEDED: who has to give an access code, or nothing yet, has no second factor to give (R19). */
function firstOf({ first }: SigningIn): NonNullable<SigningIn['first']> {
  if (first?.next !== 'second-factor')
    throw new MfaError('SIGN_IN_NEEDED', { reason: 'no second factor was asked for' });
  return first;
}

/**
 * @param number what the page shows, where it shows one: another tab may have asked anew.
 * @throws MfaError CHALLENGE_CLOSED: an answer to nothing advances nothing (R19).
 */
function questionIn({ question }: State, number = question?.number): OpenQuestion {
  if (question === undefined) throw new MfaError('CHALLENGE_CLOSED', { reason: 'nothing was asked' });
  if (question.number !== number) throw new MfaError('CHALLENGE_CLOSED', { reason: 'something else was asked' });
  return question;
}
