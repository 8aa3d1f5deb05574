import { createHash, randomUUID } from 'node:crypto';
import { identityVerify, MfaError, NOBODY } from '@countersign/contracts';
import type { StrangersBound } from '@countersign/edge';
import { clientOf } from '@countersign/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { contextOf, type CallDependencies } from '../calls/call-context.ts';
import { afterFirstFactor } from '../calls/first-factor.ts';
import { readToken, SESSION_COOKIE, writeToken } from '../session/cookie.ts';
import { setCookie, settle } from '../session/settle.ts';
import type { SigningIn } from '../session/state.ts';
import type { Session } from '../session/store.ts';
import type { Provider } from './provider.ts';

/** Sends people to the OpenID provider, and takes what they bring back, on whichever replica. */
export function serveProvider(
  app: FastifyInstance,
  deps: CallDependencies & { bound: StrangersBound },
  provider: Provider,
): void {
  const start = async (request: FastifyRequest, reply: FastifyReply) => {
    await deps.bound(request);
    const release = deps.working.take(clientOf(request.ip));
    try {
      // A link of somebody else's signs nobody out (APP-10).
      if ((await sessionOf(deps, request))?.state.stage === 'signed-in') return reply.redirect('/', 303);
      const { url, transaction } = await provider.begin();
      const startedAt = deps.now();
      const state: SigningIn = { stage: 'signing-in', startedAt, provider: transaction };
      const token = await deps.store.create(NOBODY, state, { startedAt });
      setCookie(reply, writeToken(token));
      return reply.redirect(url, 303);
    } finally {
      release();
    }
  };
  app.get('/sign-in/provider', (request, reply) =>
    start(request, reply).catch((error: unknown) => backToSignIn(reply, error)),
  );

  // Whoever comes back was counted when they left.
  const comeBack = async (request: FastifyRequest, reply: FastifyReply) => {
    const release = deps.working.take(clientOf(request.ip), { urgent: true });
    try {
      const session = await sessionOf(deps, request);
      // Who did not leave from here, with this browser, a moment ago, brings nothing that counts.
      if (session?.state.stage !== 'signing-in' || session.state.provider === undefined) {
        throw new MfaError('SIGN_IN_NEEDED', { reason: 'not sent to the provider' });
      }
      const { provider: transaction, ...rest } = session.state;
      // Once: whoever brings the same answer again finds nothing to compare it with.
      const here = await deps.store.replace(session, rest);
      if (here === undefined) throw new MfaError('SIGN_IN_NEEDED', { reason: 'answered before' });
      const url = request.raw.url ?? '';
      const { idToken } = await provider.finish(url.slice(url.indexOf('?')), transaction);
      const callId = createHash('sha256').update(randomUUID()).digest('base64url');
      const context = contextOf(deps, request, callId);
      const { nonce } = transaction;
      const answer = await context.ask(identityVerify, { idToken, nonce, context: context.browser });
      const outcome = await afterFirstFactor(context, answer);
      await settle(deps, reply, { session: here, outcome, callId, browser: context.browser });
      return reply.redirect('/', 303);
    } finally {
      release();
    }
  };
  app.get('/sign-in/provider/return', (request, reply) =>
    comeBack(request, reply).catch((error: unknown) => backToSignIn(reply, error)),
  );
}

async function sessionOf({ store }: CallDependencies, { cookies }: FastifyRequest): Promise<Session | undefined> {
  const token = readToken(cookies[SESSION_COOKIE]);
  return token === undefined ? undefined : store.load(token);
}

/** The page says what went wrong. Only codes of ours go there, so that nobody writes on our page. */
function backToSignIn(reply: FastifyReply, error: unknown): FastifyReply {
  if (!(error instanceof MfaError) || error.code === 'INTERNAL') throw error;
  reply.problem = error;
  return reply.redirect(`/?provider=${error.code}`, 303);
}
