import { randomUUID } from 'node:crypto';
import { call, DEFAULT_DEADLINE_MS, type Bus, type CallOptions, type Strain } from '@countersign/bus';
import { MfaError, type Operation } from '@countersign/contracts';
import { idempotencyKeyOf, WAIT_MARGIN_MS } from '@countersign/edge';
import type { HttpServer, Slots } from '@countersign/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { shareOf } from './authenticate.ts';
import { compileInput } from './route-input.ts';
import type { Route } from './routes.ts';

export interface AnswerDependencies {
  bus: Bus;
  replica: string;
  working: Slots;
  waiting: Slots;
  strain: Pick<Strain, 'isStrained'>;
  draining: HttpServer['draining'];
  lastCall: HttpServer['lastCall'];
}

/** A burst is worked off in some seconds; who repeats sooner meets it again, and callers repeat once. */
const STRAINED_RETRY_SECONDS = 3;

/** Makes the handler of a route: read the input, find a slot, ask app-server, answer. */
export function answerWith(deps: AnswerDependencies, route: Route) {
  const readInput = compileInput(route);
  const { operation } = route;
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { credential } = request;
    // The hook has refused whoever has none. If it is ever taken out, nobody gets further than this.
    if (credential === undefined) throw new MfaError('UNAUTHENTICATED');
    const idempotencyKey = operation.changes ? idempotencyKeyOf(request) : undefined;
    const input = readInput({
      url: request.raw.url ?? '',
      params: request.params as Record<string, string>,
      body: request.body,
    });
    const waitMs = waitOf(input);
    if (!operation.urgent && deps.strain.isStrained()) {
      throw new MfaError('UNAVAILABLE', { retryAfterSeconds: STRAINED_RETRY_SECONDS, reason: 'strain' });
    }
    const share = shareOf(credential);
    const release = waitMs > 0 ? deps.waiting.take(share) : deps.working.take(share, operation);
    try {
      const options: CallOptions = {
        attemptId: randomUUID(),
        credential,
        traceparent: request.traceparent,
        ...(idempotencyKey !== undefined && { idempotencyKey }),
        deadlineMs: waitMs > 0 ? waitMs + WAIT_MARGIN_MS : DEFAULT_DEADLINE_MS,
        signal: deps.lastCall,
      };
      const asked = call(deps.bus, operation, input, options);
      const { output, replica } = waitMs > 0 ? await cutShort(deps, operation, input, options, asked) : await asked;
      assertAbout(inPath, input, output);
      reply.code(route.status).header('countersign-replica', `${deps.replica}, ${replica}`);
      return output;
    } finally {
      release();
    }
  };
}

/**
 * What is answered must be about what was asked for. Answers come by an inbox that nobody else should know; whoever came to know it
 * must still not be able to pass the signed result of one challenge off as that of another (R14).
 * @throws MfaError INTERNAL
 */
function assertAbout(names: readonly string[], input: Record<string, unknown>, output: unknown): void {
  const answered: Readonly<Record<string, unknown>> =
    typeof output === 'object' && output !== null ? { ...output } : {};
  const other = names.find((name) => name in answered && answered[name] !== input[name]);
  if (other !== undefined) throw new MfaError('INTERNAL', { reason: `the answer is about another ${other}` });
}

function waitOf(input: Record<string, unknown>): number {
  const { waitSeconds } = input;
  return typeof waitSeconds === 'number' ? waitSeconds * 1000 : 0;
}

type Asked = ReturnType<typeof call<Operation>>;

/** A replica that is told to stop answers those who wait with how things stand; they ask another one. */
async function cutShort(
  { bus, draining }: AnswerDependencies,
  operation: Operation,
  input: Record<string, unknown>,
  options: CallOptions,
  asked: Asked,
): Asked {
  let onAbort = (): void => undefined;
  const stopped = new Promise<'stopped'>((resolve) => {
    onAbort = () => resolve('stopped');
    if (draining.aborted) onAbort();
    else draining.addEventListener('abort', onAbort, { once: true });
  });
  try {
    const first = await Promise.race([asked, stopped]);
    if (first !== 'stopped') return first;
    asked.catch(() => undefined);
    const now = { ...options, attemptId: randomUUID(), deadlineMs: WAIT_MARGIN_MS };
    return await call(bus, operation, { ...input, waitSeconds: 0 }, now);
  } finally {
    draining.removeEventListener('abort', onAbort);
  }
}
