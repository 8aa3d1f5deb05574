import { randomUUID } from 'node:crypto';
import { call, type Bus, type CallOptions, type Credential } from '@countersign/bus';
import type { InputOf, Operation, OutputOf } from '@countersign/contracts';
import { clientOf, type Slots } from '@countersign/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Holds } from './held.ts';

/** What requests are answered with. */
export interface Dependencies {
  bus: Bus;
  replica: string;
  /** Of the application that this service is. */
  credential: Credential;
  working: Slots;
  waiting: Slots;
  holds: Holds;
}

/** Asks, in the place that was found for this request. */
export type Ask = <O extends Operation>(
  operation: O,
  input: InputOf<O>,
  options?: Pick<CallOptions, 'deadlineMs' | 'idempotencyKey'>,
) => Promise<OutputOf<O>>;

/**
 * Hands a request on, and the answer back. It has a place for as long, which it gives up as soon as its phone is gone.
 * @param place among those that are worked on, where what is urgent finds room when others do not; or among those that wait, which are let
 * go when this replica stops.
 */
export async function withPlace<T>(
  { bus, replica: own, credential, working, waiting, holds }: Dependencies,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  place: Operation | 'waiting',
  work: (ask: Ask, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const client = clientOf(request.ip);
  const release = place === 'waiting' ? waiting.take(client) : working.take(client, place);
  const { signal, letGo } = holds.hold(reply.raw, place === 'waiting');
  const { traceparent } = request;
  const ask: Ask = async (operation, input, options) => {
    // Another one for each question, and one for all tries of it: app-server tells by it a try from a replay.
    const attemptId = randomUUID();
    const { output, replica } = await call(bus, operation, input, {
      attemptId,
      credential,
      traceparent,
      ...options,
      signal,
    });
    reply.header('countersign-replica', `${own}, ${replica}`);
    return output;
  };
  try {
    return await work(ask, signal);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    letGo();
    release();
  }
}
