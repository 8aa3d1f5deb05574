import { createHash } from 'node:crypto';
import { compileValidator } from '@countersign/bus';
import { activationFind, activationRedeem, MfaError } from '@countersign/contracts';
import { idempotencyKeyOf, type StrangersBound } from '@countersign/edge';
import { plainAddress } from '@countersign/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { withPlace, type Dependencies } from './ask-app-server.ts';
import { ACTIVATION_ROUTES, type Route } from './routes.ts';

/** Of phones that nobody knows yet. What they have is a code, and how often an address may try one is bounded. */
export function serveActivations(app: FastifyInstance, deps: Dependencies & { bound: StrangersBound }): void {
  for (const route of ACTIVATION_ROUTES) app.post(route.path, { onRequest: deps.bound }, answerWith(deps, route));
}

type Said = Record<string, unknown>;

function answerWith(deps: Dependencies, { operation, body, status }: Route) {
  const invalidIn = compileValidator(body);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const said = (request.body ?? {}) as Said;
    const invalid = invalidIn(said);
    if (invalid !== undefined) throw new MfaError('REQUEST_INVALID', { invalid });
    const input = operation === activationFind ? { ...said, address: plainAddress(request.ip) } : said;
    const idempotencyKey = operation === activationRedeem ? activationKeyOf(request, said) : undefined;
    const options = idempotencyKey === undefined ? {} : { idempotencyKey };
    const output = await withPlace(deps, { request, reply }, operation, (ask) => ask(operation, input, options));
    reply.code(status);
    return output;
  };
}

/**
 * Under which a repeated request finds its answer. All phones ask as one application, so a key of the phone counts for its activation
 * alone; without one, the same request is the same key. A new proof is a new request: app-server sees whose key it is about.
 */
function activationKeyOf(request: FastifyRequest, said: Said): string {
  const given = idempotencyKeyOf(request);
  const parts = given === undefined ? [said] : [said['activationId'], given];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
