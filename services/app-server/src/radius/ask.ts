import {
  addressOfChallenge,
  MfaError,
  type Method,
  type RadiusAnswer,
  type StartedChallenge,
} from '@countersign/contracts';
import { parseCode } from '@countersign/otp';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { answerAtOnce, type AtOnceDependencies } from '../challenge/at-once.ts';
import { start, type Door, type StartDependencies } from '../challenge/start.ts';
import { canonicalUsername } from '../user/canonical.ts';
import { accept, type AcceptDependencies } from './accept.ts';
import { challenge } from './answers.ts';
import { contextOf, policiesOver, requestName, stationOf, step, type AskedFrom } from './client-request.ts';
import type { EffectiveClient } from './clients.ts';
import { insteadText, textsIn } from './texts.ts';
import { writeTicket, type Token } from './token.ts';
import type { Typed } from './typed.ts';

export type AskDependencies = StartDependencies & AtOnceDependencies & AcceptDependencies;

/** A login whose first factor was right. */
export interface Asking {
  client: EffectiveClient;
  input: AskedFrom;
  /** What was typed behind the password, or in place of a code. */
  typed: Pick<Typed, 'code' | 'method'>;
  login: string;
  /** How many questions came before. */
  asked: number;
  /** The first factor was wrong, and nobody is to see it yet. */
  hollow?: true;
}

/** Nobody is handed a signed result: the answer is the packet. */
export const NO_RESULT = { sign: () => Promise.resolve('') };

/** Who alone may have an approval: as much of the name of the request that waits as tells those of one user apart. */
export function askerOf(request: string): string {
  return request.slice(0, 11);
}

/** Codes and texts cannot travel with these (RAD-64), and not every product shows what is asked (RAD-24). */
export function canAsk({ supportsChallenge }: EffectiveClient, input: Pick<AskedFrom, 'mschap' | 'eap'>): boolean {
  return supportsChallenge && input.mschap === undefined && input.eap === undefined;
}

/**
 * Asks for the second factor in the way that fits the person, the policy and the client; takes it at once where it came with the login.
 * @throws MfaError what `answerAtOnce` and `start` throw; METHOD_UNAVAILABLE where the client leaves no way to ask.
 */
export async function ask(deps: AskDependencies, asking: Asking, request: AuthorisedRequest): Promise<RadiusAnswer> {
  const { client, input, typed, login } = asking;
  const context = contextOf(input, client);
  if (typed.code !== undefined) {
    const code = asking.hollow === true ? undefined : parseCode(typed.code);
    if (code === undefined) throw new MfaError('CODE_REJECTED', { reason: 'no code' });
    const { userId } = await answerAtOnce(deps, { username: input.username, code, context }, step(request, 'code'));
    return accept(deps, { client, login, userId });
  }

  // Before anything is sent: a login that was asked as often as its client allows is refused (R13).
  if (asking.asked >= client.settings.maxChallenges)
    throw new MfaError('CHALLENGE_CLOSED', { reason: 'asked too often' });
  const isAsked = canAsk(client, input);
  if (isAsked && asking.asked >= client.settings.maxChallenges) {
    throw new MfaError('CHALLENGE_CLOSED', { reason: 'asked too often' });
  }
  const policies = policiesOver(deps.policies, { canAsk: isAsked, waitSeconds: client.waitSeconds });
  const isPossible = policies.effective(client.settings.applicationId).methods.order.length > 0;
  if (!isPossible || (!isAsked && !client.settings.allowPlainApproval)) {
    throw new MfaError('METHOD_UNAVAILABLE', { reason: 'the client leaves no way to ask' });
  }
  const { language } = client.settings;
  const started = await start(
    { ...deps, policies, signer: NO_RESULT },
    {
      username: input.username,
      also: ['app'],
      context,
      ...(typed.method !== undefined && { method: typed.method }),
      ...(language !== undefined && { language }),
    },
    step(request, 'start'),
    doorOf(deps, asking, isAsked),
  );
  return shown(deps, asking, started, request);
}

/**
 * @see RAD-46: the same person, password and place, at the same application; without Calling-Station-Id nobody can tell. Many may share an
 * address: a client that asks its next server asks for the same port of its own.
 */
function doorOf({ ring }: AskDependencies, { client, input, login, hollow }: Asking, isAsked: boolean): Door {
  const { identifier = '', address = '', port = '' } = input.accessServer;
  const station = stationOf(input.accessServer);
  const name = canonicalUsername(input.username);
  const credential = input.password ?? input.mschap?.response;
  const mayJoin = station !== undefined && 'canonical' in name && credential !== undefined;
  const place = JSON.stringify([station, identifier, address, port]);
  const join = mayJoin
    ? ring
        .mac('radius-join', client.settings.applicationId, name.canonical, place, credential)
        .subarray(0, 12)
        .toString('base64url')
    : undefined;
  return {
    asker: askerOf(login),
    behind,
    ...(join !== undefined && { join }),
    ...(!isAsked && { plain: true }),
    ...(hollow && { hollow }),
  };
}

async function shown(
  deps: AskDependencies,
  { client, login, asked }: Asking,
  started: StartedChallenge,
  request: AuthorisedRequest,
): Promise<RadiusAnswer> {
  const { challengeId, state, method, prompt, number, expiresAt } = started;
  if (state === 'approved') {
    const address = addressOfChallenge(challengeId);
    if (address === undefined) throw new MfaError('INTERNAL', { reason: 'challenge without a user' });
    return accept(deps, { client, login, userId: address.userId });
  }
  const token = { challengeId, login, turn: 0, asked: asked + 1 };
  if (method === 'app' && number === undefined) {
    return wait(deps, client, { ...token, kind: 'plain' }, { request, endsAt: Date.parse(expiresAt) });
  }
  return challenge(deps.ring, client, { ...token, kind: method === 'app' ? 'number' : 'code' }, prompt);
}

/** What to do once the number is typed, and what can be typed in place of a code. */
function behind({ language, method, alternatives }: Parameters<NonNullable<Door['behind']>>[0]): string {
  const texts = textsIn(language);
  const words = insteadText(texts, alternatives.filter(isTyped));
  return (method === 'app' ? [texts.thenEnter, words] : [words]).filter((text) => text !== '').join(' ');
}

function isTyped(method: Method): boolean {
  return method !== 'passkey';
}

/** Nobody is told anything until somebody has approved, or the client would give up. */
export function wait(
  { ring, now }: Pick<AskDependencies, 'ring' | 'now'>,
  { settings, waitSeconds }: EffectiveClient,
  token: Token,
  { request, endsAt }: { request: AuthorisedRequest; endsAt?: number },
): RadiusAnswer {
  const since = now();
  const until = Math.min(endsAt ?? Infinity, since + waitSeconds * 1000);
  const ticket = writeTicket(ring, settings.applicationId, { ...token, request: requestName(request), since, until });
  return { answer: 'wait', ticket, expiresAt: new Date(until).toISOString() };
}
