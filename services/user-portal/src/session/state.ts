import type { AccessLevel, ErrorCode, OpenedSession } from '@countersign/contracts';
import type { Question, Standing } from '../api.ts';

/** A challenge that waits for the person's answer. */
export interface OpenQuestion extends Question {
  challengeId: string;
}

/** Somebody on the way in. */
export interface SigningIn {
  stage: 'signing-in';
  /** ms since the epoch. */
  startedAt: number;
  /** What was proved first, and what follows from it. */
  first?: {
    firstFactor: string;
    username: string;
    displayName: string;
    language?: string;
    next: 'second-factor' | 'access-code';
  };
  question?: OpenQuestion;
  /** Why there is no question. */
  unasked?: ErrorCode;
  /** For a passkey that needs no name. */
  invitation?: string;
  /** Sent to the OpenID provider; comes back once (FED-11). */
  provider?: { state: string; nonce: string; verifier: string };
}

/** Somebody who is in. */
export interface SignedIn {
  stage: 'signed-in';
  /** ms since the epoch. */
  startedAt: number;
  /** What app-server believes; see its evidence/. */
  access: string;
  level: AccessLevel;
  userId: string;
  username: string;
  displayName: string;
  language?: string;
  /** ms since the epoch. */
  freshUntil: number;
  /** ms since the epoch. */
  endsAt: number;
  idleSeconds: number;
  /** A second factor, asked for once more. */
  question?: OpenQuestion;
}

/** Somebody whom an application sent for a second factor. Nobody is signed in here by it. */
export interface HandingOver {
  stage: 'handing-over';
  /** ms since the epoch. */
  startedAt: number;
  /** As app-server signed it. */
  request: string;
  question: OpenQuestion;
  application: string;
  username: string;
  returnUrl: string;
  returnState: string;
  language?: string;
}

/**
 * Left where a session was before it got another token: good for the call that moved it, repeated because its answer was lost, and for
 * nothing else (APP-02).
 */
export interface Moved {
  stage: 'moved';
  /** The new token; empty where there is none. */
  to: string;
  callId: string;
  answer: unknown;
  /** ms since the epoch. */
  until: number;
}

export type SessionState = SigningIn | SignedIn | HandingOver | Moved;

/** What a person sees of their sessions. Stands beside the sealed state, in clear. */
export interface SessionFacts {
  /** ms since the epoch. */
  startedAt: number;
  /** ms since the epoch; written down once a minute. */
  seenAt: number;
  device?: string;
  ip?: string;
  /** Only says where it went. */
  moved?: true;
}

const SIGN_IN_MS = 600_000;
/** A call is repeated within seconds. */
export const MOVED_MS = 30_000;
/** So often, at most, is it written down that somebody is still there. */
export const SEEN_EVERY_MS = 60_000;

/** Whether a session has ended by itself (APP-05). Cookies that a browser keeps longer do not matter. */
export function isOver(state: SessionState, { seenAt }: Pick<SessionFacts, 'seenAt'>, now: number): boolean {
  if (state.stage === 'moved') return now >= state.until;
  if (state.stage === 'signed-in') return now >= state.endsAt || now >= seenAt + state.idleSeconds * 1000;
  return now >= state.startedAt + SIGN_IN_MS;
}

/** Where a person stands: the page follows from it alone. */
export function standingOf(state: SessionState | undefined): Standing {
  if (state?.stage === 'signed-in') {
    const { level, displayName, freshUntil, endsAt, question } = state;
    return {
      at: 'signed-in',
      level,
      displayName,
      freshUntil: new Date(freshUntil).toISOString(),
      expiresAt: new Date(endsAt).toISOString(),
      ...(question !== undefined && { question: shown(question) }),
    };
  }
  if (state?.stage !== 'signing-in' || state.first === undefined) return { at: 'sign-in' };
  const { displayName, next } = state.first;
  if (next === 'access-code') return { at: 'access-code', displayName };
  const { question, unasked } = state;
  return {
    at: 'second-factor',
    displayName,
    ...(question !== undefined && { question: shown(question) }),
    ...(question === undefined && unasked !== undefined && { unasked }),
  };
}

function shown({ challengeId: _, ...question }: OpenQuestion): Question {
  return question;
}

export function signedIn(opened: OpenedSession, now: number): SignedIn {
  const { access, level, userId, username, displayName, language, freshUntil, expiresAt, idleSeconds } = opened;
  return {
    stage: 'signed-in',
    startedAt: now,
    access,
    level,
    userId,
    username,
    displayName: displayName ?? username,
    ...(language !== undefined && { language }),
    freshUntil: Date.parse(freshUntil),
    endsAt: Date.parse(expiresAt),
    idleSeconds,
  };
}
