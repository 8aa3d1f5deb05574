import type { LoginContext } from '@countersign/contracts';
import type { Static } from 'typebox';
import type { CallInput, CallOutput, PortalCall } from '../api.ts';
import type { Session, SessionStore } from '../session/store.ts';
import type { SessionState, SignedIn, SigningIn } from '../session/state.ts';
import type { PageLanguage } from '../handover/texts.ts';
import type { Ask } from './ask.ts';

/** What a call draws on. */
export interface CallContext {
  ask: Ask;
  store: SessionStore;
  /** What is known of the browser; for the audit and the person, never proof of anything. */
  browser: Static<typeof LoginContext>;
  /** Of the page that asks. */
  language: PageLanguage;
  now: () => number;
  /** Aborted when this portal begins to stop: whoever waits for something answers now. */
  draining: AbortSignal;
}

/**
 * What becomes of the session. `rise`: somebody gained rights, so the token is a new one and the old is dead (APP-02). `keep`: the same
 * token, another state. `over`: app-server has ended the sign-in, or session, that it is of; what the browser keeps names nothing any more.
 */
export type Outcome<Answer> = { answer: Answer } & (
  | { becomes: 'stay' }
  | { becomes: 'keep'; state: SessionState }
  | { becomes: 'rise'; state: SigningIn | SignedIn; owner: string; maxSessions?: number }
  | { becomes: 'leave' }
  | { becomes: 'over' }
);

/** Whom a call takes decides what it is given: a call for people who are signed in has their session in its hands. */
type SessionFor<C extends PortalCall> = C['needs'] extends 'session'
  ? Session<SignedIn>
  : C['needs'] extends 'first-factor'
    ? Session<SigningIn | SignedIn>
    : Session<SigningIn | SignedIn> | undefined;

export type Handle<C extends PortalCall> = (
  context: CallContext,
  input: CallInput<C>,
  session: SessionFor<C>,
) => Promise<Outcome<CallOutput<C>>>;
