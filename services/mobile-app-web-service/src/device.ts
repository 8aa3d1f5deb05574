import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_DEADLINE_MS } from '@countersign/bus';
import {
  deviceLook,
  devicePoll,
  MAX_DEVICE_BODY_BYTES,
  MAX_POLL_SECONDS,
  MfaError,
  type OutputOf,
} from '@countersign/contracts';
import { WAIT_MARGIN_MS } from '@countersign/edge';
import { acceptAnything } from '@countersign/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { withPlace, type Ask, type Dependencies } from './ask-app-server.ts';
import type { Hints } from './hints.ts';
import { DEVICE_ROUTES, type Route } from './routes.ts';
import { assertSigned, signedRequest } from './signed-request.ts';

/**
 * Polls of phones that will wait anyway are gathered for so long and go together: each message by itself wakes NATS and an app-server, several
 * times, and with thousands of phones that is most of what it costs.
 */
const GATHERED_MS = 20;

interface DeviceDependencies extends Dependencies {
  authority: string;
  hints: Hints;
}

/** Signed requests. Their body goes on as the text that came: another spelling of the same JSON has another digest. */
export function serveDevices(app: FastifyInstance, deps: DeviceDependencies): void {
  void app.register((scope, _options, done) => {
    acceptAnything(scope, MAX_DEVICE_BODY_BYTES);
    scope.addHook('onRequest', (request, _reply, next) => {
      assertSigned(request);
      next();
    });
    for (const route of DEVICE_ROUTES) {
      if (route.operation === devicePoll)
        scope.post(route.path, { config: { isRoutine: true } }, answerPoll(deps, route));
      else scope.post(route.path, answerWith(deps, route));
    }
    done();
  });
}

function answerWith(deps: DeviceDependencies, { path, operation }: Route) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const signed = signedRequest(request, deps.authority, path);
    return withPlace(deps, { request, reply }, operation, (ask) => ask(operation, { request: signed }));
  };
}

function answerPoll(deps: DeviceDependencies, { path }: Route) {
  const together = createGathering(GATHERED_MS);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const since = performance.now();
    const signed = signedRequest(request, deps.authority, path);
    // Neither it nor what was signed is needed while the phone waits, and 20,000 phones wait.
    request.body = undefined;
    const waitMs = waitOf(signed.body) * 1000;
    const until = since + waitMs + WAIT_MARGIN_MS;
    const first = (ask: Ask) => {
      const deadlineMs = waitMs > 0 ? Math.min(waitMs + WAIT_MARGIN_MS, DEFAULT_DEADLINE_MS) : DEFAULT_DEADLINE_MS;
      return ask(devicePoll, { request: signed }, { deadlineMs });
    };
    return withPlace(deps, { request, reply }, waitMs > 0 ? 'waiting' : devicePoll, (ask, signal) =>
      (waitMs > 0 ? together().then(() => first(ask)) : first(ask)).then((said) =>
        'noNews' in said ? waitForNews(deps.hints, said, { ask, signal, since, until }) : said,
      ),
    );
  };
}

/** Resolves for all who came within the time at once. */
function createGathering(ms: number): () => Promise<void> {
  let gathering: Promise<void> | undefined;
  return () =>
    (gathering ??= sleep(ms).then(() => {
      gathering = undefined;
    }));
}

type NoNews = Extract<OutputOf<typeof devicePoll>, { noNews: unknown }>;

/**
 * Nobody but this process waits. Without a hint the phone hears what app-server has signed for that; after one app-server is asked again,
 * whichever replica of it there is by then.
 */
async function waitForNews(
  hints: Hints,
  { noNews }: NoNews,
  { ask, signal, since, until }: { ask: Ask; signal: AbortSignal; since: number; until: number },
): Promise<unknown> {
  using listening = hints.listen(noNews.hint, since);
  signal.addEventListener('abort', listening.leave);
  let { forMs, ticket, answer } = noNews;
  for (;;) {
    signal.throwIfAborted();
    const isHinted = await listening.next(Math.min(forMs, MAX_POLL_SECONDS * 1000));
    signal.throwIfAborted();
    if (!isHinted && answer !== undefined) return answer;
    const deadlineMs = until - performance.now();
    if (deadlineMs <= 0)
      throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'no answer within the wait' });
    const seen = await ask(deviceLook, { ticket, isHinted }, { deadlineMs });
    if (!('noNews' in seen)) return seen;
    ({ forMs, ticket, answer } = seen.noNews);
  }
}

/** Seconds, for the place and the deadline alone; what the body has to be is for app-server to say, which knows who signed it. */
function waitOf(body: string): number {
  try {
    const { wait } = JSON.parse(body) as { wait?: unknown };
    return typeof wait === 'number' ? Math.min(Math.max(wait, 0), MAX_POLL_SECONDS) : 0;
  } catch {
    return 0;
  }
}
