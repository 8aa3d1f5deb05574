import { DEFAULT_DEADLINE_MS } from '@countersign/bus';
import { devicePoll, MAX_DEVICE_BODY_BYTES, MAX_POLL_SECONDS } from '@countersign/contracts';
import { WAIT_MARGIN_MS } from '@countersign/edge';
import { acceptAnything } from '@countersign/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { askAppServer, type Dependencies } from './ask-app-server.ts';
import { DEVICE_ROUTES, type Route } from './routes.ts';
import { assertSigned, signedRequest } from './signed-request.ts';

/** Signed requests. Their body goes on as the text that came: another spelling of the same JSON has another digest. */
export function serveDevices(app: FastifyInstance, deps: Dependencies & { authority: string }): void {
  void app.register((scope, _options, done) => {
    acceptAnything(scope, MAX_DEVICE_BODY_BYTES);
    scope.addHook('onRequest', (request, _reply, next) => {
      assertSigned(request);
      next();
    });
    for (const route of DEVICE_ROUTES) scope.post(route.path, answerWith(deps, route));
    done();
  });
}

function answerWith(deps: Dependencies & { authority: string }, { path, operation }: Route) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const signed = signedRequest(request, deps.authority, path);
    const waitMs = operation === devicePoll ? waitOf(signed.body) * 1000 : 0;
    // The text is all that is needed of it, and 20,000 phones wait.
    request.body = undefined;
    return askAppServer(
      deps,
      { request, reply },
      operation,
      { request: signed },
      {
        waits: waitMs > 0,
        deadlineMs: waitMs > 0 ? waitMs + WAIT_MARGIN_MS : DEFAULT_DEADLINE_MS,
      },
    );
  };
}

/** Seconds, for the deadline alone; what the body has to be is for app-server to say, which knows who signed it. */
function waitOf(body: string): number {
  try {
    const { wait } = JSON.parse(body) as { wait?: unknown };
    return typeof wait === 'number' ? Math.min(Math.max(wait, 0), MAX_POLL_SECONDS) : 0;
  } catch {
    return 0;
  }
}
