import { randomUUID } from 'node:crypto';
import { call, type Bus, type Credential } from '@countersign/bus';
import type { InputOf, Operation } from '@countersign/contracts';
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

export interface Asking {
  /** The request holds a place among those that wait, and is let go when this replica stops. */
  waits?: boolean;
  deadlineMs?: number;
  idempotencyKey?: string;
}

/**
 * Hands a request on, and the answer back. It has a place for as long, which it gives up as soon as its phone is gone. The attempt is another
 * one for each request, and one for all tries of it: app-server tells by it a try from a replay.
 */
export async function askAppServer<O extends Operation>(
  { bus, replica: own, credential, working, waiting, holds }: Dependencies,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  operation: O,
  input: InputOf<O>,
  { waits = false, ...options }: Asking = {},
): Promise<unknown> {
  const client = clientOf(request.ip);
  const release = waits ? waiting.take(client) : working.take(client, operation);
  const { signal, letGo } = holds.hold(reply.raw, waits);
  try {
    const { traceparent } = request;
    const { output, replica } = await call(bus, operation, input, {
      attemptId: randomUUID(),
      credential,
      traceparent,
      ...options,
      signal,
    });
    reply.header('countersign-replica', `${own}, ${replica}`);
    return output;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    letGo();
    release();
  }
}
