import { randomBytes, randomUUID } from 'node:crypto';
import fastifyCookie from '@fastify/cookie';
import type { Credential } from '@countersign/bus';
import {
  boundStrangers,
  createEdgeServer,
  createRequestPlaces,
  serveShell,
  type EdgeFoundation,
  type EdgeServer,
} from '@countersign/edge';
import { CALLS, type Welcome } from './api.ts';
import * as account from './calls/account.ts';
import { answerCall } from './calls/answer-call.ts';
import type { CallDependencies } from './calls/call-context.ts';
import { askAs } from './calls/ask.ts';
import * as secondFactor from './calls/second-factor.ts';
import * as sessions from './calls/sessions.ts';
import * as signIn from './calls/sign-in.ts';
import { welcomeTo } from './calls/welcome.ts';
import { serveHandover } from './handover/routes.ts';
import { PORTAL_HEADERS } from './headers.ts';
import { REQUESTS_REFUSED, REQUESTS_WAITING, REQUESTS_WORKING } from './metrics.ts';
import { serveLogo, type Logo } from './pages/logo.ts';
import { Provider, type ProviderOptions } from './provider/provider.ts';
import { serveProvider } from './provider/routes.ts';
import { SessionStore } from './session/store.ts';

export interface PortalOptions extends EdgeFoundation {
  /** Where people reach it; never taken from Host (R28). */
  publicUrl: string;
  /** Of the application that the portal is. */
  credential: Credential;
  look: Pick<Welcome, 'organisation' | 'accent'>;
  logo?: Logo;
  provider?: Omit<ProviderOptions, 'returnUrl'> & { name: string };
  /** What the build of the pages made; without it only the API and the hand-over are served. */
  pages?: string;
  /** How often one address may begin a sign-in, or come from an application, in a minute. */
  signInsPerMinute: number;
  /** How many may wait for an answer on a phone at a time. */
  maxWaiting: number;
}

/** Calls that anybody may make, and that begin something. */
const BEGIN: ReadonlySet<string> = new Set(
  [CALLS.signInWithPassword, CALLS.invitePasskey, CALLS.acceptPasskey].map(({ path }) => path),
);
/** Every address of a page: a person may load, or come back to, any of them. */
const PAGES = ['/', '/enrol', '/factors', '/sessions', '/history'];

/** Pages and an API in front, operations on the bus behind, and nothing kept in between. */
export function createPortal(options: PortalOptions): EdgeServer {
  const { bus, publicUrl, credential } = options;
  const server = createEdgeServer(options, {
    headers: { ...PORTAL_HEADERS, 'countersign-replica': options.replica },
  });
  const { app, draining, lastCall } = server;
  const { working, waiting, countRefused, requests } = createRequestPlaces({
    ...options,
    measuredAs: { working: REQUESTS_WORKING, waiting: REQUESTS_WAITING, refused: REQUESTS_REFUSED },
  });
  void app.register(fastifyCookie);

  const deps: CallDependencies = {
    bus,
    // Each of these is asked for by itself: what the place holds decides, not who asks again.
    store: new SessionStore(
      askAs({ bus, credential, signal: lastCall, attemptOf: () => randomUUID() }),
      options.now,
      randomBytes,
    ),
    credential,
    origin: new URL(publicUrl).origin,
    working,
    waiting,
    now: options.now,
    draining,
    lastCall,
  };
  const { provider, logo } = options;
  const welcome = welcomeTo({
    ...options.look,
    signIn: provider === undefined ? ['password', 'passkey'] : ['password', 'provider', 'passkey'],
    ...(provider !== undefined && { provider: provider.name }),
    ...(logo !== undefined && { logo: '/logo' }),
  });
  // After the cookies, so that each of these finds them read.
  void app.register((scope, _options, done) => {
    const bound = boundStrangers(scope, options.signInsPerMinute, countRefused);
    const handlers = { ...signIn, ...secondFactor, ...sessions, ...account, welcome };
    for (const [name, definition] of Object.entries(CALLS)) {
      const handle = handlers[name as keyof typeof CALLS];
      const hooks = BEGIN.has(definition.path) ? { onRequest: bound } : {};
      scope.post(definition.path, hooks, answerCall(deps, definition, handle as never));
    }
    serveHandover(scope, { ...deps, bound, organisation: options.look.organisation });
    if (provider !== undefined) {
      const returnUrl = new URL('/sign-in/provider/return', publicUrl).href;
      serveProvider(scope, { ...deps, bound }, new Provider({ ...provider, returnUrl }, options.now));
    }
    if (logo !== undefined) serveLogo(scope, logo);
    if (options.pages !== undefined) serveShell(scope, { folder: options.pages, assets: '/assets/', addresses: PAGES });
    done();
  });
  return { ...server, requests };
}
