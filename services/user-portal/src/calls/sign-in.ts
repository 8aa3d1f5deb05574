import { MfaError, NOBODY, passwordVerify, sessionAccept, sessionInvite } from '@countersign/contracts';
import type { CALLS } from '../api.ts';
import { signedIn, standingOf } from '../session/state.ts';
import type { Handle } from './call.ts';
import { afterFirstFactor, openSession } from './first-factor.ts';

type Calls = typeof CALLS;

export const signInWithPassword: Handle<Calls['signInWithPassword']> = async (context, { username, password }) =>
  afterFirstFactor(context, await context.ask(passwordVerify, { username, password, context: context.browser }));

export const invitePasskey: Handle<Calls['invitePasskey']> = async ({ ask, now }) => {
  const { invitation, passkey } = await ask(sessionInvite, {});
  const state = { stage: 'signing-in', startedAt: now(), invitation } as const;
  return { answer: { passkey }, becomes: 'rise', state, owner: NOBODY };
};

export const acceptPasskey: Handle<Calls['acceptPasskey']> = async ({ ask, browser, now }, { passkey }, session) => {
  const invitation = session?.state.stage === 'signing-in' ? session.state.invitation : undefined;
  if (invitation === undefined) throw new MfaError('CHALLENGE_CLOSED', { reason: 'not invited' });
  const opened = await ask(sessionAccept, { invitation, passkey, context: browser });
  const state = signedIn(opened, now());
  return { answer: standingOf(state), becomes: 'rise', state, owner: opened.userId, maxSessions: opened.maxSessions };
};

/** An administrator's code, for whoever has no factor yet. */
export const giveAccessCode: Handle<Calls['giveAccessCode']> = async (context, { code }, { state }) => {
  if (state.stage !== 'signing-in' || state.first?.next !== 'access-code') {
    throw new MfaError('SIGN_IN_NEEDED', { reason: 'no access code was asked for' });
  }
  return openSession(context, { firstFactor: state.first.firstFactor, accessCode: code });
};

export const signOut: Handle<Calls['signOut']> = () =>
  Promise.resolve({ answer: standingOf(undefined), becomes: 'leave' });
