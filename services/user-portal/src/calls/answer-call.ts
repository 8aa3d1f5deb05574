import { createHash, randomBytes } from 'node:crypto';
import { compileValidator } from '@countersign/bus';
import { MfaError, NOBODY } from '@countersign/contracts';
import { idempotencyKeyOf } from '@countersign/edge';
import { clientOf } from '@countersign/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PortalCall } from '../api.ts';
import { assertOwnPage } from '../same-origin.ts';
import { readToken, SESSION_COOKIE, writeToken, type SessionToken } from '../session/cookie.ts';
import { setCookie, settle } from '../session/settle.ts';
import type { SignedIn, SigningIn } from '../session/state.ts';
import type { Session } from '../session/store.ts';
import type { Ask } from './ask.ts';
import type { CallContext, Handle, Outcome } from './call.ts';
import { contextOf, type CallDependencies } from './call-context.ts';

type AnyHandle = (context: CallContext, input: unknown, session: Live | undefined) => Promise<Outcome<unknown>>;
type Live = Session<SigningIn | SignedIn>;

/** Makes the handler of a call: whose page asks, who is there, whether they may, what is done, and what becomes of the session. */
export function answerCall<C extends PortalCall>(deps: CallDependencies, definition: C, handle: Handle<C>) {
  const invalidIn = compileValidator(definition.input);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    assertOwnPage(request, deps.origin);
    const input: unknown = request.body ?? {};
    const invalid = invalidIn(input);
    if (invalid !== undefined) throw new MfaError('REQUEST_INVALID', { invalid });
    const client = clientOf(request.ip);
    const release =
      definition.waits === true
        ? deps.waiting.take(client)
        : deps.working.take(client, { urgent: definition.needs === 'first-factor' });
    try {
      const token = readToken(request.cookies[SESSION_COOKIE]);
      const callId = callIdOf(request, definition, token);
      const found = token === undefined ? undefined : await deps.store.load(token);
      if (found?.state.stage === 'moved' && found.state.callId === callId) {
        // Only the call that moved it, repeated because its answer was lost, is told where it went (APP-02).
        setCookie(reply, found.state.to);
        return found.state.answer;
      }
      const session = found?.state.stage === 'moved' ? undefined : (found as Live | undefined);
      assertNeeds(definition, session);
      const context = contextOf(deps, request, callId);
      const told = { isOver: false };
      const listening = { ...context, ask: listeningTo(context.ask, told) };
      const outcome = await (handle as unknown as AnyHandle)(listening, input, session).catch(
        async (error: unknown) => {
          // At every portal, and after the page is loaded again: nothing but a new sign-in leads on from it.
          if (session !== undefined && told.isOver) await deps.store.end(session.place);
          throw error;
        },
      );
      await settle(deps, reply, { session, outcome, callId, browser: context.browser });
      return outcome.answer;
    } finally {
      release();
    }
  };
}

/** Notes when app-server says that a sign-in, or session, is over: our own refusals of a step that does not fit end none. */
function listeningTo(through: Ask, told: { isOver: boolean }): Ask {
  return async (operation, input, options) => {
    try {
      return await through(operation, input, options);
    } catch (error) {
      if (error instanceof MfaError && error.code === 'SIGN_IN_NEEDED') told.isOver = true;
      throw error;
    }
  };
}

/** A session that is half way gets what it needs to go on, and nothing else (R16). @throws MfaError SIGN_IN_NEEDED. */
function assertNeeds({ needs }: PortalCall, session: Live | undefined): void {
  if (needs === 'nobody') return;
  const { state } = session ?? {};
  if (state?.stage === 'signed-in') return;
  if (needs === 'first-factor' && state?.first !== undefined) return;
  throw new MfaError('SIGN_IN_NEEDED', { reason: needs });
}

/**
 * Names what the page asked for, so that the same question on another replica finds the same answer. Of the page's key, the call and the
 * session: nobody else's key is of any use.
 */
function callIdOf(request: FastifyRequest, { path }: PortalCall, token: SessionToken | undefined): string {
  const key = idempotencyKeyOf(request) ?? randomBytes(16).toString('base64url');
  const parts = [path, token === undefined ? NOBODY : writeToken(token), key];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
