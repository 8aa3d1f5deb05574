import { EDGE_ANSWERS, MfaError, type InputOf, type Operation, type OutputOf } from '@countersign/contracts';
import { formatTraceparent, newTrace, pooledRandomBytes } from '@countersign/telemetry';
import type { Msg } from '@nats-io/nats-core';
import type { CallOptions } from './call.ts';
import { decodeAnswer, encodeHead, type Answer } from './codec.ts';
import type { Bus } from './connection.ts';
import { isOutput } from './validate.ts';

interface Heard {
  replica: string;
  /** When the answer came, ms since the epoch by the clock of this machine. */
  heardAt: number;
}
export type EachAnswer<Output> = (Heard & { output: Output }) | (Heard & { error: MfaError });

/** A replica that is alive says "working" long before this. */
const FIRST_SIGN_WITHIN_MS = 1000;
/** As in `call`: who said "working" and then nothing for so long is taken for dead. */
const WORKING_SILENCE_MS = 2500;
const DEFAULT_EACH_DEADLINE_MS = 10_000;

/**
 * Asks every replica at once, for operations that each serves in a queue group of its own. Asked of others, it hears one answer
 * from each queue group. Nothing is tried again: who does not answer is not there, which is what the caller wants to know.
 * Nobody has to believe what one of many says: what is not an output of the operation, and a second answer under one name, count as
 * INTERNAL, so that who answers for others is seen and hides nobody.
 * @returns the answers by name of the replica; one that began and then fell silent has the error UNAVAILABLE. Empty: nobody serves it.
 */
export function callEach<O extends Operation>(
  bus: Bus,
  operation: O,
  input: InputOf<O>,
  options: Omit<CallOptions, 'idempotencyKey'>,
): Promise<EachAnswer<OutputOf<O>>[]> {
  const deadlineMs = options.deadlineMs ?? DEFAULT_EACH_DEADLINE_MS;
  const startedAt = performance.now();
  const traceparent = options.traceparent ?? formatTraceparent(newTrace(pooledRandomBytes));
  const answers = new Map<string, EachAnswer<OutputOf<O>>>();
  const working = new Set<string>();

  return new Promise((resolve) => {
    const mailbox =
      operation.servedBy === 'edge'
        ? bus.replies.openBelow(EDGE_ANSWERS, { onMessage: hear, onRefusal: finish })
        : bus.replies.open({ onMessage: hear, onReconnect: () => undefined });
    let timer = setTimeout(finish, Math.min(FIRST_SIGN_WITHIN_MS, deadlineMs));
    try {
      bus.nats.publish(operation.subject, JSON.stringify(input), {
        reply: mailbox.subject,
        headers: encodeHead({ ...options, deadline: Date.now() + deadlineMs, remainingMs: deadlineMs, traceparent }),
      });
    } catch {
      finish();
    }

    function hear(msg: Msg): void {
      if (msg.data.length === 0 && msg.headers?.code === 503) return finish();
      const answer = decodeAnswer(msg.string());
      if ('working' in answer) working.add(answer.replica);
      else {
        working.delete(answer.replica);
        answers.set(answer.replica, {
          ...checked(operation, answer, answers.has(answer.replica)),
          heardAt: Date.now(),
        });
      }
      wait();
    }

    /** The first second belongs to replicas not heard of yet; after it only those are waited for that said they are at work. */
    function wait(): void {
      const passedMs = performance.now() - startedAt;
      const pauseMs = Math.max(FIRST_SIGN_WITHIN_MS - passedMs, working.size > 0 ? WORKING_SILENCE_MS : 0);
      clearTimeout(timer);
      timer = setTimeout(finish, Math.max(0, Math.min(pauseMs, deadlineMs - passedMs)));
    }

    function finish(): void {
      clearTimeout(timer);
      mailbox.close();
      for (const replica of working) {
        const error = new MfaError('UNAVAILABLE', { reason: 'began, then fell silent' });
        answers.set(replica, { replica, heardAt: Date.now(), error });
      }
      resolve([...answers.values()].toSorted((a, b) => a.replica.localeCompare(b.replica)));
    }
  });
}

function checked<O extends Operation>(
  operation: O,
  answer: Exclude<Answer, { working: true }>,
  isSecond: boolean,
): { replica: string; output: OutputOf<O> } | { replica: string; error: MfaError } {
  const { replica } = answer;
  if (isSecond) return { replica, error: new MfaError('INTERNAL', { reason: 'two answers under one name' }) };
  if ('error' in answer) return { replica, error: answer.error };
  if (isOutput(operation, answer.output)) return { replica, output: answer.output as OutputOf<O> };
  return { replica, error: new MfaError('INTERNAL', { reason: 'not what was asked for' }) };
}
