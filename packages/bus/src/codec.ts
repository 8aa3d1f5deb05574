import { fromErrorMessage, MfaError, toErrorMessage, type ErrorMessage } from '@countersign/contracts';
import { headers as natsHeaders, type MsgHdrs } from '@nats-io/nats-core';
import { readCredential, writeCredential, type Credential } from './credential.ts';

/** What travels beside the input, in message headers. */
export interface RequestHead {
  /** The same on every try of one call, so that a try which did happen is recognised. */
  attemptId: string;
  /** Absolute, ms since the epoch by the caller's clock: work that lay in a queue is seen to be late. */
  deadline: number;
  /** What was left when this try was sent, ms: holds even when two clocks disagree. */
  remainingMs: number;
  traceparent: string;
  credential?: Credential;
  idempotencyKey?: string;
}

const HEADER = {
  attemptId: 'Countersign-Attempt',
  deadline: 'Countersign-Deadline',
  remainingMs: 'Countersign-Remaining',
  credential: 'Countersign-Credential',
  idempotencyKey: 'Idempotency-Key',
  traceparent: 'traceparent',
} as const;

/** One to 128 visible ASCII characters. Wider would not survive a header. */
const VISIBLE = /^[\x21-\x7e]{1,128}$/;

export function isIdempotencyKey(text: string): boolean {
  return VISIBLE.test(text);
}

export function encodeHead(head: RequestHead): MsgHdrs {
  const headers = natsHeaders();
  headers.append(HEADER.attemptId, head.attemptId);
  headers.append(HEADER.deadline, String(Math.round(head.deadline)));
  headers.append(HEADER.remainingMs, String(Math.max(0, Math.round(head.remainingMs))));
  headers.append(HEADER.traceparent, head.traceparent);
  if (head.credential !== undefined) headers.append(HEADER.credential, writeCredential(head.credential));
  if (head.idempotencyKey !== undefined) headers.append(HEADER.idempotencyKey, head.idempotencyKey);
  return headers;
}

/** @throws MfaError REQUEST_INVALID naming the header that is missing or wrong. Headers we do not know are let be. */
export function decodeHead(headers: MsgHdrs | undefined): RequestHead {
  const found = new Map<string, string>();
  for (const [name, values] of headers ?? []) if (values.length === 1) found.set(name, values[0] ?? '');
  const credentialText = found.get(HEADER.credential);
  const credential = credentialText === undefined ? undefined : readCredential(credentialText);
  if (credentialText !== undefined && credential === undefined) throw wrongHeader(HEADER.credential);
  const idempotencyKey = found.get(HEADER.idempotencyKey);
  if (idempotencyKey !== undefined && !isIdempotencyKey(idempotencyKey)) throw wrongHeader(HEADER.idempotencyKey);
  return {
    attemptId: matching(found, HEADER.attemptId, VISIBLE),
    deadline: Number(matching(found, HEADER.deadline, /^\d{1,15}$/)),
    remainingMs: Number(matching(found, HEADER.remainingMs, /^\d{1,9}$/)),
    traceparent: found.get(HEADER.traceparent) ?? '',
    ...(credential !== undefined && { credential }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  };
}

function matching(found: ReadonlyMap<string, string>, name: string, form: RegExp): string {
  const text = found.get(name);
  if (text === undefined || !form.test(text)) throw wrongHeader(name);
  return text;
}

function wrongHeader(name: string): MfaError {
  return new MfaError('REQUEST_INVALID', {
    invalid: [{ pointer: name, message: 'is missing or not of the right form' }],
  });
}

/** What a replica sends back. `working` says "I have it and I am alive"; any number of them come before the end. */
export type Answer =
  | { replica: string; working: true }
  | { replica: string; output: unknown }
  /** `lateAt`: it came after its deadline by the replica's clock, which said this; ms since the epoch. */
  | { replica: string; error: MfaError; lateAt?: number };

export function encodeWorking(replica: string): string {
  return JSON.stringify({ replica, working: true });
}

export function encodeOutput(replica: string, output: unknown): string {
  return JSON.stringify({ replica, output: output ?? null });
}

export function encodeError(replica: string, error: unknown): string {
  return JSON.stringify({ replica, error: toErrorMessage(error) });
}

/** With the time, so that a caller whose clock is wrong hears of it. */
export function encodeLate(replica: string, error: MfaError, lateAt: number): string {
  return JSON.stringify({ replica, error: toErrorMessage(error), lateAt });
}

/** Whatever is not an answer becomes INTERNAL: it is a bug or a stranger, and it lets nobody in. */
export function decodeAnswer(text: string): Answer {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return notAnAnswer(error);
  }
  if (typeof parsed !== 'object' || parsed === null || !('replica' in parsed)) return notAnAnswer();
  const { replica } = parsed;
  if (typeof replica !== 'string') return notAnAnswer();
  if ('error' in parsed) {
    const lateAt = 'lateAt' in parsed && typeof parsed.lateAt === 'number' ? parsed.lateAt : undefined;
    return { replica, error: decodeError(parsed.error), ...(lateAt !== undefined && { lateAt }) };
  }
  if ('output' in parsed) return { replica, output: parsed.output };
  return 'working' in parsed ? { replica, working: true } : notAnAnswer();
}

function decodeError(message: unknown): MfaError {
  const isMessage = typeof message === 'object' && message !== null && 'code' in message;
  return isMessage && typeof message.code === 'string'
    ? fromErrorMessage(message as ErrorMessage)
    : new MfaError('INTERNAL', { reason: 'an error without a code' });
}

function notAnAnswer(cause?: unknown): Answer {
  return { replica: 'unknown', error: new MfaError('INTERNAL', { reason: 'not an answer', cause }) };
}
