import { randomUUID } from 'node:crypto';
import {
  MAX_WAIT_SECONDS,
  MfaError,
  radiusLogin,
  radiusWait,
  type InputOf,
  type RadiusAnswer,
} from '@countersign/contracts';
import { WAIT_MARGIN_MS } from '@countersign/edge';
import type { Ask } from './ask-app-server.ts';
import { pause } from './pause.ts';
import type { Decision } from './reply.ts';

export interface LoginOptions {
  ask: Ask;
  input: InputOf<typeof radiusLogin>;
  attemptId: string;
  /** Beyond it the client has given up. */
  deadlineMs: number;
  traceparent: string;
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal;
  /** Called with the first answer, which may be that somebody is asked. */
  onFirst: (answer: RadiusAnswer['answer']) => void;
  /** ms since the epoch. */
  now: () => number;
}

type Waiting = Extract<RadiusAnswer, { answer: 'wait' }>;

/** Two machines may disagree this much about the time (HA-51), and app-server says itself when the time is over. */
const CLOCK_SKEW_MS = 2000;
/** An app-server that stops says at once that nothing has come yet: before another is asked. */
const PAUSE_MS = 250;

/**
 * Asks app-server until there is something to tell the client.
 * @throws MfaError of the login; UNAVAILABLE also when nobody answered in time, or `signal` was aborted. Then the client is told nothing:
 * what comes of it, the same attempt learns that its retransmission makes (RAD-44).
 */
export async function decideLogin(options: LoginOptions): Promise<Decision> {
  const { ask, input, attemptId, deadlineMs, traceparent, signal, onFirst } = options;
  let answer = await ask(radiusLogin, input, { attemptId, deadlineMs, traceparent, signal });
  onFirst(answer.answer);
  // Of one wait, however often it asks: an approval whose answer was lost is told to whoever had it.
  const run = randomUUID();
  while (answer.answer === 'wait') answer = await waitOn(answer, run, options);
  return answer;
}

async function waitOn(
  waiting: Waiting,
  run: string,
  { ask, input, traceparent, signal, now }: LoginOptions,
): Promise<RadiusAnswer> {
  const { ticket, expiresAt } = waiting;
  const leftMs = Date.parse(expiresAt) + CLOCK_SKEW_MS - now();
  if (signal.aborted || leftMs <= 0) throw new MfaError('UNAVAILABLE', { reason: 'nobody answered in time' });
  const askWait = (waitSeconds: number) =>
    ask(
      radiusWait,
      { clientId: input.clientId, ticket, run, waitSeconds },
      { attemptId: randomUUID(), deadlineMs: waitSeconds * 1000 + WAIT_MARGIN_MS, traceparent, signal },
    );
  try {
    const waited = await askWait(Math.min(MAX_WAIT_SECONDS, Math.ceil(leftMs / 1000)));
    if (waited.answer !== 'wait') return waited;
    // Something has come, or the time is over. What, is told only to whoever has not waited.
    const answer = await askWait(0);
    if (answer.answer === 'wait') await pause(PAUSE_MS, signal);
    return answer;
  } catch (error) {
    // A client that asks once and waits a minute would never hear of the approval, so whoever is there later is asked.
    if (signal.aborted || !(error instanceof MfaError) || error.code !== 'UNAVAILABLE') throw error;
    await pause((error.retryAfterSeconds ?? 1) * 1000, signal);
    return waiting;
  }
}
