import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromErrorMessage, MfaError, toErrorMessage, type ErrorCode } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Answers } from './answers.ts';
import { requestHash } from './canonical.ts';
import type { Answer, IdempotencyRecord } from './record.ts';
import { idempotencySubject } from './stream.ts';

export interface IdempotencyDependencies {
  answers: Answers;
  /** ms since the epoch. */
  now: () => number;
}

/** Two machines may disagree this much about the time (HA-51). */
const CLOCK_SKEW_MS = 2000;
/** Left of the deadline for saying that it was not enough. */
const TIME_TO_ANSWER_MS = 250;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;
const TRIES_TO_KEEP = 3;

/** They say nothing of the request, only of the moment: the same request may be tried again and do better. */
const WORTH_ANOTHER_TRY: ReadonlySet<ErrorCode> = new Set([
  'UNAVAILABLE',
  'PRIMARY_UNAVAILABLE',
  'INTERNAL',
  'TRY_LATER',
]);

interface Claimed {
  subject: string;
  record: IdempotencyRecord;
  sequence: number;
}

/**
 * Runs a request once for each Idempotency-Key of an application and operation, for 24 hours and over all replicas (INV-21): whoever's
 * claim is acknowledged runs it; everybody else hears that answer, an error of the decision included.
 *
 * `run` is given an attempt id of the key instead of the call's. It may see the same id twice: when a replica died between its
 * effect and its answer, the next claimer runs again, and whatever has an effect recognises the attempt.
 * @throws MfaError what `run` throws; IDEMPOTENCY_KEY_REUSED with another input; IDEMPOTENCY_KEY_BUSY while another has it in hand;
 * UNAVAILABLE when no claim was acknowledged in time, and then nothing was run.
 */
export async function withIdempotency<Output>(
  deps: IdempotencyDependencies,
  request: AuthorisedRequest,
  input: unknown,
  run: (attempt: AuthorisedRequest) => Promise<Output>,
): Promise<Output> {
  const { idempotencyKey: key, application, operation } = request;
  if (key === undefined) return run(request);
  const subject = idempotencySubject(application.applicationId, operation.name, key);
  const claim = deps.answers.newClaim();
  const wanted: IdempotencyRecord = {
    state: 'running',
    claim,
    call: request.attemptId,
    origin: claim,
    leaseUntil: request.deadline,
    request: requestHash(input),
  };
  const outcome = await obtain(deps, subject, wanted, request.deadline);
  if ('answer' in outcome) return giveAgain(outcome.answer) as Output;

  let answer: Answer;
  let output: Output | undefined;
  let failure: unknown;
  try {
    output = await run({ ...request, attemptId: attemptIdOf(subject, outcome.claimed.record) });
    answer = { output };
  } catch (error) {
    failure = error;
    answer = { error: toErrorMessage(error) };
  }
  if (failure !== undefined && isWorthAnotherTry(failure)) {
    void release(deps, outcome.claimed);
    throw failure;
  }
  const other = await keep(deps, outcome.claimed, answer, request.deadline);
  if (other !== undefined) return giveAgain(other) as Output;
  if (failure !== undefined) throw failure;
  return output as Output;
}

/**
 * Of a key's first claim, so that all who run for it are one attempt; not of the key alone, since the key may be used again when it
 * has been forgotten, and is another attempt then.
 */
function attemptIdOf(subject: string, { origin }: IdempotencyRecord): string {
  return createHash('sha256').update(`${subject}\n${origin}`).digest().subarray(0, 16).toString('base64url');
}

function giveAgain(answer: Answer): unknown {
  if ('error' in answer) throw fromErrorMessage(answer.error);
  return answer.output;
}

/** Claims the key, or learns what was answered to it. */
async function obtain(
  { answers, now }: IdempotencyDependencies,
  subject: string,
  wanted: IdempotencyRecord,
  deadline: number,
): Promise<{ claimed: Claimed } | { answer: Answer }> {
  const giveUpAt = deadline - TIME_TO_ANSWER_MS;
  let record = wanted;
  let expected = 0;
  for (let tries = 0; ; tries++) {
    const appended = await answers.append(subject, record, expected);
    if (typeof appended === 'object') return { claimed: { subject, record, sequence: appended.stored } };

    let last = await answers.last(subject).catch(onlyOurs);
    while (last !== undefined && last !== 'unread' && isInOthersHands(last.record, wanted, now())) {
      // A balancer may have sent the request again, so that nobody but this one hears the answer: it is waited for.
      if (now() >= giveUpAt) throw new MfaError('IDEMPOTENCY_KEY_BUSY', { retryAfterSeconds: 1 });
      await pause(tries++);
      last = await answers.last(subject).catch(onlyOurs);
    }
    if (last !== 'unread') {
      // Our claim went in although nobody said so.
      if (last?.record.claim === wanted.claim) return { claimed: { subject, ...last } };
      if (last?.record.answer !== undefined) return { answer: last.record.answer };
      expected = last?.sequence ?? 0;
      record = last === undefined ? wanted : { ...wanted, origin: last.record.origin };
    }
    if (now() >= giveUpAt) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 2, reason: 'idempotency unclaimed' });
    await pause(tries);
  }
}

/** @throws MfaError IDEMPOTENCY_KEY_REUSED */
function isInOthersHands(record: IdempotencyRecord, wanted: IdempotencyRecord, now: number): boolean {
  if (record.request !== wanted.request) throw new MfaError('IDEMPOTENCY_KEY_REUSED');
  if (record.state !== 'running' || record.claim === wanted.claim) return false;
  // A further try of the same call: whoever had the first is silent, or there would be no other.
  if (record.call === wanted.call) return false;
  return now <= record.leaseUntil + CLOCK_SKEW_MS;
}

/** What cannot be opened is an answer, and a bad one; what was not heard may be asked for again. */
function onlyOurs(error: unknown): 'unread' {
  if (error instanceof MfaError) throw error;
  return 'unread';
}

/**
 * Puts the answer in the claim's place.
 * @returns the answer of whoever took over meanwhile; undefined when ours stands. An answer that could not be kept is given all the
 * same: it is true, and a repeat finds the attempt's effects.
 */
async function keep(
  { answers, now }: IdempotencyDependencies,
  { subject, record, sequence }: Claimed,
  answer: Answer,
  deadline: number,
): Promise<Answer | undefined> {
  const giveUpAt = deadline - TIME_TO_ANSWER_MS;
  const done: IdempotencyRecord = { ...record, state: 'done', answer };
  for (let tries = 0; tries < TRIES_TO_KEEP; tries++) {
    const appended = await answers.append(subject, done, sequence);
    if (typeof appended === 'object' || appended === 'refused') return undefined;
    if (appended === 'taken') {
      const last = await answers.last(subject).catch(onlyOurs);
      if (last !== 'unread' && last !== undefined) {
        if (last.record.claim === record.claim && last.record.state === 'done') return undefined;
        if (last.record.claim !== record.claim) return answerOfTheOther({ answers, now }, subject, giveUpAt);
      }
    }
    if (now() >= giveUpAt) return undefined;
    await pause(tries);
  }
  return undefined;
}

async function answerOfTheOther(
  { answers, now }: IdempotencyDependencies,
  subject: string,
  giveUpAt: number,
): Promise<Answer> {
  for (let tries = 0; now() < giveUpAt; tries++) {
    const last = await answers.last(subject).catch(onlyOurs);
    if (last !== 'unread' && last?.record.answer !== undefined) return last.record.answer;
    await pause(tries);
  }
  // It is one call that two replicas took up: to its caller nobody else has the key.
  throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'no answer of the other try' });
}

/** Nobody waits for it: what cannot be reached now is released when it can be, and ends with the lease at the latest. */
async function release({ answers, now }: IdempotencyDependencies, claimed: Claimed): Promise<void> {
  const { subject, record, sequence } = claimed;
  for (let tries = 0; now() <= record.leaseUntil + CLOCK_SKEW_MS; tries++) {
    if ((await answers.append(subject, { ...record, state: 'free' }, sequence)) !== 'unknown') return;
    await pause(tries);
  }
}

function isWorthAnotherTry(error: unknown): boolean {
  return !(error instanceof MfaError) || WORTH_ANOTHER_TRY.has(error.code);
}

function pause(tries: number): Promise<void> {
  return sleep(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries));
}
