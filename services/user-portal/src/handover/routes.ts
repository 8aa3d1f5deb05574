import { createHash } from 'node:crypto';
import {
  ERRORS,
  handoverCancel,
  handoverClaim,
  handoverResend,
  handoverStart,
  handoverVerify,
  handoverWait,
  METHODS,
  MfaError,
  NOBODY,
  PasskeyAssertion,
  type Method,
  type OutputOf,
} from '@countersign/contracts';
import { compileValidator } from '@countersign/bus';
import { contentSecurityPolicy, newNonce, type StrangersBound } from '@countersign/edge';
import { acceptAnything, clientOf, parseQuery } from '@countersign/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import { contextOf, type CallDependencies } from '../calls/call-context.ts';
import type { CallContext } from '../calls/call.ts';
import { questionOf } from '../calls/question.ts';
import { untilEnded, WAIT_SECONDS } from '../calls/until-ended.ts';
import { assertSameOrigin } from '../same-origin.ts';
import { COOKIE_OPTIONS, readToken, writeToken, type SessionToken } from '../session/cookie.ts';
import type { HandingOver, Moved, OpenQuestion } from '../session/state.ts';
import type { Session } from '../session/store.ts';
import { APPROVAL_SCRIPT, PASSKEY_SCRIPT, STYLE } from './assets.ts';
import { expiredPage, problemPage, questionPage, returnPage, type Look, type Told } from './page.ts';
import { pageLanguage } from './texts.ts';

export type HandoverDependencies = CallDependencies & { bound: StrangersBound; organisation: string };

/** Of its own: who is sent here for an application may be signed in at the portal as well, and neither knows of the other. */
const COOKIE = '__Host-countersign-verify';
const BODY_BYTES = 64 * 1024;
const LONGEST_REQUEST = 4096;
/** Shorter than the shortest life of a challenge. */
const VISIT_MS = 10_000;
const invalidPasskey = compileValidator(PasskeyAssertion);

type Live = Session<HandingOver>;
type Started = OutputOf<typeof handoverStart>;

/**
 * The page that applications send people to for a second factor. Rendered here and working without any script: each step is a form, and what
 * it is about stands in a session of its own, which any replica finds.
 */
export function serveHandover(app: FastifyInstance, deps: HandoverDependencies): void {
  app.get('/verify/style.css', (_request, reply) => kept(reply).type('text/css; charset=utf-8').send(STYLE));
  const scripts = { '/verify/passkey.js': PASSKEY_SCRIPT, '/verify/approval.js': APPROVAL_SCRIPT };
  for (const [path, script] of Object.entries(scripts)) {
    app.get(path, (_request, reply) => kept(reply).type('text/javascript; charset=utf-8').send(script));
  }

  const show = working(deps, async (request, reply) => {
    await deps.bound(request);
    const token = parseQuery(request.raw.url ?? '')['request'] ?? '';
    if (token === '' || token.length > LONGEST_REQUEST) return expired(deps, request, reply);
    const before = await load(deps, request);
    // Who loads the page again is not asked, and not sent a message, again.
    if (before?.state.request === token && isOpen(before.state.question, deps.now())) {
      return question(deps, request, reply, before, undefined);
    }
    return start(deps, request, reply, { token, context: contextOf(deps, request, visitOf(deps, request, token)) });
  });
  app.get('/verify', (request, reply) =>
    show(request, reply).catch((error: unknown) => failed(deps, request, reply, error)),
  );

  void app.register((scope, _options, done) => {
    acceptAnything(scope, BODY_BYTES);
    scope.post('/verify/answer', form(answer));
    scope.post(
      '/verify/method',
      form(async (live, fields, request, reply) => {
        const method = METHODS.find((known) => known === fields.get('method'));
        const { context } = contextFor(deps, request, live, fields);
        return start(deps, request, reply, { token: live.state.request, context, method, instead: live });
      }),
    );
    scope.post('/verify/approved', form(approved));
    // For the script alone, which takes what goes wrong for a reason to ask again.
    scope.post('/verify/wait', (request, reply) => waitFor(deps, request, reply));
    scope.post('/verify/resend', form(resend));
    scope.post('/verify/cancel', form(cancel));
    done();
  });

  function form(work: Step) {
    const take = working(deps, (request, reply) => step(deps, request, reply, work));
    return (request: FastifyRequest, reply: FastifyReply) =>
      take(request, reply).catch((error: unknown) => failed(deps, request, reply, error));
  }

  async function answer(live: Live, fields: URLSearchParams, request: FastifyRequest, reply: FastifyReply) {
    const { request: token, question: asked } = live.state;
    const { challengeId } = asked;
    const passkey = fields.get('passkey');
    const given =
      passkey === null
        ? { code: fields.get('code') ?? '', ...(asked.pin === true && { pin: fields.get('pin') ?? '' }) }
        : { passkey: readPasskey(passkey) };
    const { context, callId } = contextFor(deps, request, live, fields);
    const verified = await context.ask(handoverVerify, { request: token, challengeId, ...given });
    const { result, returnUrl, returnState } = verified;
    return leave(deps, request, reply, { live, callId, returnUrl, fields: { result, state: returnState } });
  }

  async function resend(live: Live, fields: URLSearchParams, request: FastifyRequest, reply: FastifyReply) {
    const { request: token, question: asked } = live.state;
    const { challengeId, prompt, alternatives } = asked;
    const { context } = contextFor(deps, request, live, fields);
    const started = await context.ask(handoverResend, { request: token, challengeId });
    const state = { ...live.state, question: { ...questionOf(started), prompt, alternatives } };
    await deps.store.replace(live, state);
    return question(deps, request, reply, { ...live, state }, undefined);
  }

  /** Pressed by the script when there is an answer, or by a person without one who says so. */
  async function approved(live: Live, fields: URLSearchParams, request: FastifyRequest, reply: FastifyReply) {
    const { request: token, question: asked } = live.state;
    const { challengeId } = asked;
    const { context, callId } = contextFor(deps, request, live, fields);
    const { state } = await context.ask(handoverWait, { request: token, challengeId, waitSeconds: 0 });
    if (state !== 'approved') return question(deps, request, reply, live, state);
    const claimed = await context.ask(handoverClaim, { request: token, challengeId });
    const { result, returnUrl, returnState } = claimed;
    return leave(deps, request, reply, { live, callId, returnUrl, fields: { result, state: returnState } });
  }

  async function cancel(live: Live, fields: URLSearchParams, request: FastifyRequest, reply: FastifyReply) {
    const { request: token, question: asked } = live.state;
    const { challengeId } = asked;
    const { context, callId } = contextFor(deps, request, live, fields);
    const { returnUrl, returnState } = await context.ask(handoverCancel, { request: token, challengeId });
    const denied = { error: 'access_denied', state: returnState };
    return leave(deps, request, reply, { live, callId, returnUrl, fields: denied });
  }
}

/** In one of the places for requests (R26): what came from an application is begun already. */
function working(
  { working: slots }: HandoverDependencies,
  work: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>,
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const release = slots.take(clientOf(request.ip), { urgent: request.method === 'POST' });
    try {
      return await work(request, reply);
    } finally {
      release();
    }
  };
}

type Step = (
  live: Live,
  fields: URLSearchParams,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>;

/** What became of the question on the phone: when it is known, or after some seconds `pending`. In a place for those who wait. */
async function waitFor(
  deps: HandoverDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  assertSameOrigin(request, deps.origin);
  const release = deps.waiting.take(clientOf(request.ip));
  try {
    const fields = fieldsOf(request);
    const live = await load(deps, request);
    if (live === undefined || fields.get('form') !== formKey(live)) return await reply.code(410).send();
    const { context } = contextFor(deps, request, live, fields);
    const { request: token, question: asked } = live.state;
    const wanted = { request: token, challengeId: asked.challengeId, waitSeconds: WAIT_SECONDS };
    const waitMs = WAIT_SECONDS * 1000;
    const ended = await untilEnded(deps.draining, () => context.ask(handoverWait, wanted, { waitMs }));
    return await reply.send(ended);
  } finally {
    release();
  }
}

/** One form of the page: of our own page, of this person's session, and written for it (APP-10). */
async function step(
  deps: HandoverDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  work: Step,
): Promise<FastifyReply> {
  assertSameOrigin(request, deps.origin);
  const fields = fieldsOf(request);
  const found = await find(deps, request);
  if (found === undefined || fields.get('form') !== formKey(found)) return expired(deps, request, reply);
  if (found.state.stage === 'moved') return leftBefore(deps, request, reply, found as Session<Moved>, fields);
  const live = found as Live;
  try {
    return await work(live, fields, request, reply);
  } catch (error) {
    if (!(error instanceof MfaError) || error.code === 'INTERNAL') throw error;
    reply.problem = error;
    if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
    return question(deps, request, reply, live, error.code);
  }
}

function fieldsOf({ body }: FastifyRequest): URLSearchParams {
  return new URLSearchParams(Buffer.isBuffer(body) ? body.toString('utf8') : '');
}

interface Start {
  /** As the application's link says it. */
  token: string;
  context: CallContext;
  method?: Method | undefined;
  /** The question that this one takes the place of. */
  instead?: Live;
}

async function start(
  deps: HandoverDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  { token, context: { ask, browser }, method, instead }: Start,
): Promise<FastifyReply> {
  let started: Started;
  try {
    started = await ask(handoverStart, {
      request: token,
      context: browser,
      language: pageLanguage(request.headers['accept-language']),
      ...(method !== undefined && { method }),
    });
  } catch (error) {
    // Over, withdrawn, or none of ours.
    if (error instanceof MfaError && error.code === 'CHALLENGE_CLOSED') return expired(deps, request, reply);
    throw error;
  }
  const { application, username, returnUrl, returnState, language, result } = started;
  const startedAt = deps.now();
  const state: HandingOver = {
    stage: 'handing-over',
    startedAt,
    request: token,
    question: questionOf(started),
    application,
    username,
    returnUrl,
    returnState,
    ...(language !== undefined && { language }),
  };
  if (result !== undefined) {
    return leave(deps, request, reply, { state, returnUrl, fields: { result, state: returnState } });
  }
  if (instead !== undefined) {
    const now = (await deps.store.replace(instead, state)) ?? { ...instead, state };
    return question(deps, request, reply, now, undefined);
  }
  const cookie = await deps.store.create(NOBODY, state, { startedAt });
  reply.setCookie(COOKIE, writeToken(cookie), COOKIE_OPTIONS);
  return question(deps, request, reply, { token: cookie, state }, undefined);
}

function question(
  deps: HandoverDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  live: Pick<Live, 'token' | 'state'>,
  told: Told | undefined,
): FastifyReply {
  const look = lookOf(deps, request, live.state);
  return send(reply, look, questionPage(look, live.state, { form: formKey(live), page: newNonce() }, told));
}

interface Leaving {
  /** What ends, and by which form. */
  live?: Live;
  callId?: string;
  state?: HandingOver;
  returnUrl: string;
  fields: Readonly<Record<string, string>>;
}

/** What the same form, sent again because its answer was lost, is answered with. */
interface Left {
  state: HandingOver;
  returnUrl: string;
  fields: Readonly<Record<string, string>>;
}

/** The session is over, and the answer goes to the application alone. */
async function leave(
  deps: HandoverDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  { live, callId = '', state = live?.state, returnUrl, fields }: Leaving,
): Promise<FastifyReply> {
  if (live !== undefined) {
    const left: Left = { state: live.state, returnUrl, fields };
    await deps.store.leavePointer(live, undefined, callId, left);
  }
  reply.clearCookie(COOKIE, COOKIE_OPTIONS);
  const look = lookOf(deps, request, state);
  return send(reply, look, returnPage(look, returnUrl, fields), [new URL(returnUrl).origin]);
}

/** Whoever sends another form than the one by which they left finds that it is over. */
function leftBefore(
  deps: HandoverDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  { token, state: { callId, answer } }: Session<Moved>,
  fields: URLSearchParams,
): Promise<FastifyReply> | FastifyReply {
  const left = answer as Left;
  if (callIdFor(request, token, fields) !== callId) return expired(deps, request, reply);
  return leave(deps, request, reply, { state: left.state, returnUrl: left.returnUrl, fields: left.fields });
}

/** Nobody is asked, and the person hears why. */
function failed(
  deps: HandoverDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
): FastifyReply {
  if (!(error instanceof MfaError) || error.code === 'INTERNAL') throw error;
  reply.problem = error;
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  const look = lookOf(deps, request, undefined);
  return send(reply.code(ERRORS[error.code].status), look, problemPage(look, error.code));
}

function expired(deps: HandoverDependencies, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const look = lookOf(deps, request, undefined);
  return send(reply.code(410), look, expiredPage(look));
}

function send(reply: FastifyReply, { nonce }: Look, page: string, formTargets: readonly string[] = []): FastifyReply {
  return (
    reply
      .header('content-security-policy', contentSecurityPolicy({ nonce, formTargets }))
      // With none at all, browsers hide from us as well where a form comes from.
      .header('referrer-policy', 'same-origin')
      .type('text/html; charset=utf-8')
      .send(page)
  );
}

function kept(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'public, max-age=3600');
}

async function find(
  deps: HandoverDependencies,
  request: FastifyRequest,
): Promise<Session<HandingOver | Moved> | undefined> {
  const token = readToken(request.cookies[COOKIE]);
  const found = token === undefined ? undefined : await deps.store.load(token);
  const { stage } = found?.state ?? {};
  return stage === 'handing-over' || stage === 'moved' ? (found as Session<HandingOver | Moved>) : undefined;
}

async function load(deps: HandoverDependencies, request: FastifyRequest): Promise<Live | undefined> {
  const found = await find(deps, request);
  return found?.state.stage === 'handing-over' ? (found as Live) : undefined;
}

/** The same form, pressed twice, or sent again to another replica, asks under the same name. */
function contextFor(deps: HandoverDependencies, request: FastifyRequest, live: Live, fields: URLSearchParams) {
  const callId = callIdFor(request, live.token, fields);
  return { callId, context: contextOf(deps, request, callId) };
}

function callIdFor(request: FastifyRequest, token: SessionToken, fields: URLSearchParams): string {
  return named(request.routeOptions.url, writeToken(token), fields.toString());
}

/** A link that a balancer follows once more, or a finger, within seconds, asks once. */
function visitOf({ now }: HandoverDependencies, request: FastifyRequest, token: string): string {
  return named('visit', token, request.ip, request.headers['user-agent'] ?? '', Math.floor(now() / VISIT_MS));
}

function named(...parts: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

/** Ties a form to the browser that it was written for. */
function formKey({ token }: { token: SessionToken }): string {
  return named(`form ${token.secret}`);
}

function lookOf(deps: HandoverDependencies, request: FastifyRequest, state: HandingOver | undefined): Look {
  const language = pageLanguage(state?.language, request.headers['accept-language']);
  return { organisation: deps.organisation, language, nonce: newNonce() };
}

function isOpen({ expiresAt }: OpenQuestion, now: number): boolean {
  return now < Date.parse(expiresAt);
}

function readPasskey(text: string): Static<typeof PasskeyAssertion> {
  try {
    const value: unknown = JSON.parse(text);
    if (invalidPasskey(value) === undefined) return value as Static<typeof PasskeyAssertion>;
  } catch {
    // As any other that is none.
  }
  throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/passkey', message: 'is no answer of a passkey' }] });
}
