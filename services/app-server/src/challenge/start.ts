import {
  challengeIdAt,
  challengeIdFor,
  MfaError,
  uuidFrom,
  type challengeStart,
  type InputOf,
  type Method,
  type Policy,
  type StartedChallenge,
} from '@countersign/contracts';
import { LOOKUP_SECRET_CHARACTERS } from '@countersign/otp';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { Router } from '../database/router.ts';
import type { ResultSigner } from '../keys/signing.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import { canonicalUsername } from '../user/canonical.ts';
import type { LoginUser } from '../user/store.ts';
import { codeFor, codeMacFor } from './code.ts';
import { decideStart, quietOf } from './decide.ts';
import { deviceFingerprint } from './device.ts';
import { handOver, phoneEndOf, reserveMessage, type MessageDependencies, type Recipient } from './message.ts';
import { fits, type LoginPasskey } from '../passkey/assertion.ts';
import { LONGEST_CEREMONY_SECONDS } from '../passkey/challenge.ts';
import type { LoginPasskeys } from '../passkey/login-passkeys.ts';
import { offerPasskey } from '../passkey/offer.ts';
import type { RelyingParty } from '../passkey/relying-party.ts';
import { recoverySetOf } from '../recovery/store.ts';
import { promptBudget } from './prompt-budget.ts';
import { numberFor, sourceOf } from '../device/prompt.ts';
import { displacedBy } from './evolve.ts';
import type { OpenChallenge, UserState } from './state.ts';
import type { Wake } from './wake.ts';
import { wakeDevices } from '../device/wake.ts';
import type { WakeUps } from '../wake-up/wake-up.ts';
import type { WakePhones } from '../device/wake-phones.ts';
import { chooseMethod, insteadOf, preferred, takeable, type ChosenMethod } from './method.ts';
import { promptFor } from './prompt.ts';

export interface StartDependencies extends MessageDependencies {
  ledger: UserLedger;
  policies: Policies;
  signer: ResultSigner;
  trail: Trail;
  router: Router;
  passkeys: LoginPasskeys;
  relyingParty: RelyingParty | undefined;
  /** Where phones reach us; without it there are no apps. */
  deviceUrl: string | undefined;
  wake: Pick<Wake, 'publish'>;
  wakePhones: WakePhones;
  wakeUps: Pick<WakeUps, 'wake'>;
  /** Undefined: no phone is woken, and none is looked for. */
  pushKey: string | undefined;
  randomBytes: (size: number) => Buffer;
}

type Input = InputOf<typeof challengeStart>;

/**
 * Asks a user for a second factor. A name that nobody has, or nobody who can answer, is asked in the same way.
 * @throws MfaError REQUEST_INVALID, FORBIDDEN, METHOD_UNAVAILABLE, TRY_LATER, UNAVAILABLE; USER_NOT_FOUND and USER_DISABLED only
 * for an application that may read users and asked for the truth, or where the policy refuses unknown users.
 */
export async function start(
  deps: StartDependencies,
  input: Input,
  request: AuthorisedRequest,
): Promise<StartedChallenge> {
  const { ring } = deps;
  const policy = deps.policies.effective(request.application.applicationId);
  const reveal = mayReveal(input, request);
  const name = canonicalUsername(input.username);
  if ('refused' in name) {
    await recordRefusal(deps, request, name.refused);
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/username', message: name.refused }] });
  }
  // Who asks by name can take it; and where there is no portal, nobody can take a passkey.
  const also = [...(input.also ?? []), ...(input.method === undefined ? [] : [input.method])];
  const order = takeable(policy.methods.order, also).filter((method) => isServed(deps, method));
  if (input.method !== undefined && !order.includes(input.method)) {
    throw new MfaError('METHOD_UNAVAILABLE', { detail: 'The policy does not allow this method.' });
  }

  const user = await deps.users.byName(name.canonical);
  if (user === undefined && (reveal || policy.users.unknown === 'refuse')) {
    await recordRefusal(deps, request, 'unknown user');
    throw new MfaError('USER_NOT_FOUND');
  }
  if (user?.status === 'disabled' && reveal) throw new MfaError('USER_DISABLED');
  const userId = user?.userId ?? uuidFrom(ring.mac('decoy', name.canonical));
  const able = user?.status === 'enabled' ? user : undefined;
  const has = {
    passkeys: await usablePasskeys(deps, userId, user !== undefined, order, policy),
    recovery: order.includes('recovery') ? await recoverySetOf(deps.router, userId) : undefined,
  };
  const wanted = preferred(order, policy.portal.chooseMethod ? able?.methods : undefined);
  const disguise = ring.mac('disguise', userId).readUInt8(0);
  const choose = (method: Method | undefined) => chooseMethod(able, has, wanted, method, disguise);
  const first = choose(input.method);
  const instead = first.method === 'app' && input.method === undefined ? insteadOf(first) : undefined;
  // Whoever must be left in peace is asked in another way, if there is one (R22). Of those that are shown anyway: a name that nobody has
  // is quiet as well, once it was asked for often enough, and then looks no other (R21).
  const isElsewhere = instead !== undefined && (await isLeftInPeace(deps, input, request, { userId, policy }));
  const chosen = isElsewhere ? withoutApp(choose(instead)) : first;
  if (reveal && chosen.decoy) throw new MfaError('METHOD_UNAVAILABLE');

  return chosen.method === 'sms'
    ? startBySms(deps, input, request, { user, userId, chosen, policy, reveal })
    : open(deps, input, request, { user, userId, chosen, policy, reveal });
}

interface Asked {
  user: LoginUser | undefined;
  userId: string;
  chosen: ChosenMethod;
  policy: Policy;
  reveal: boolean;
}

async function startBySms(deps: StartDependencies, input: Input, request: AuthorisedRequest, asked: Asked) {
  await reserveMessage(deps, recipientOf(asked), asked.policy);
  return open(deps, input, request, asked);
}

/** The append that opens the challenge, and what follows from it. */
async function open(
  deps: StartDependencies,
  input: Input,
  request: AuthorisedRequest,
  asked: Asked,
): Promise<StartedChallenge> {
  const { ring } = deps;
  const { application, attemptId } = request;
  const { user, userId, chosen, policy, reveal } = asked;
  const { method, alternatives } = chosen;
  const recipient = recipientOf(asked);
  // Drawn, so that no later attempt can open this challenge, and with it its code, again. A repeated attempt finds its own in
  // the ledger (INV-21).
  const drawn = deps.randomBytes(16);
  const drawnId = challengeIdFor(userId, drawn);
  const device = deviceFingerprint(ring, userId, application.applicationId, input.context);
  const answerable = answerableBy(chosen, policy);
  const source = method === 'app' ? sourceOf(input.context) : undefined;
  const sent =
    recipient.phone === undefined
      ? chosen.recovery !== undefined && { authenticatorId: chosen.recovery.setId }
      : {
          authenticatorId: recipient.phone.authenticatorId,
          codeMac: codeMacFor(ring, drawnId, 1, codeFor(ring, drawnId, 1, answerable.digits)),
        };

  const seen: { before?: UserState } = {};
  const { event, state: after } = await deps.ledger.act(
    userId,
    attemptId,
    (state, now) => {
      seen.before = state;
      return decideStart(
        state,
        {
          key: drawn.toString('base64url'),
          applicationId: application.applicationId,
          purpose: 'login',
          method,
          ...answerable,
          ...sent,
          attempts: method === 'app' ? promptBudget(policy.app) : policy.attempts,
          ...(source !== undefined && { source }),
          ...(wantsPin(policy, method) && { pin: true }),
          ...(device !== undefined && { device }),
          ...(input.context !== undefined && { context: input.context }),
          ...(chosen.decoy && { decoy: true }),
          attemptId,
          reveal,
          disabled: user?.status === 'disabled',
        },
        now,
      );
    },
    request,
  );
  if (seen.before !== undefined) tellDisplaced(deps, userId, displacedBy(seen.before, after));

  if (event.type === 'bypass.used' && user !== undefined) {
    const { at, expiresAt, key, applicationId } = event;
    if (applicationId !== application.applicationId) throw new MfaError('INTERNAL', { reason: 'attempt of another' });
    const challengeId = challengeIdFor(userId, Buffer.from(key, 'base64url'));
    const result = await deps.signer.sign({ user, application, challengeId, method: 'bypass', at, policy });
    const prompt = promptFor('bypass', application.promptLanguage ?? user.language, { digits: 0, phoneEnd: '' });
    return {
      challengeId,
      state: 'approved',
      method: 'bypass',
      prompt,
      expiresAt: iso(expiresAt),
      alternatives: [],
      result,
    };
  }
  if (event.type !== 'challenge.started') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  const { challenge } = event;
  if (challenge.applicationId !== application.applicationId || challenge.purpose !== 'login') {
    throw new MfaError('INTERNAL', { reason: 'attempt of another' });
  }
  const challengeId = challengeIdFor(userId, Buffer.from(challenge.key, 'base64url'));
  if (method === 'sms') await handOver(deps, recipient, challengeId, challenge, application, policy);
  if (method === 'app') rouse(deps, userId, challenge);
  const { digits, pin = false } = challenge;
  const number = method === 'app' ? numberFor(ring, challengeId, digits) : undefined;
  const prompt = promptFor(method, application.promptLanguage ?? user?.language, {
    digits,
    phoneEnd: phoneEndOf(ring, recipient),
    pin,
    ...(number !== undefined && { number }),
  });
  const started: StartedChallenge = {
    challengeId,
    state: 'pending',
    method,
    prompt,
    expiresAt: iso(challenge.expiresAt),
    alternatives,
    ...(pin && { pin }),
    ...(number !== undefined && { number }),
  };
  if (method !== 'passkey' || deps.relyingParty === undefined) return started;
  const { relyingParty } = deps;
  const passkey = await offerPasskey({ ring, relyingParty }, userId, challengeId, chosen.passkeys, policy.passkeys);
  return { ...started, passkey };
}

/** What an answer looks like, how long it is waited for, and how many chances one guess has. */
function answerableBy(
  { method, authenticators }: ChosenMethod,
  policy: Policy,
): { digits: number; lifeMs: number; cost: number } {
  const lifeMs = policy.challenge.lifeSeconds * 1000;
  const answers: Record<Method, { digits: number; lifeMs: number; cost: number }> = {
    totp: { digits: authenticators[0]?.digits ?? 6, lifeMs, cost: Math.max(1, authenticators.length) },
    sms: { digits: policy.code.digits, lifeMs: policy.code.lifeSeconds * 1000, cost: 1 },
    passkey: { digits: 0, lifeMs: Math.min(lifeMs, LONGEST_CEREMONY_SECONDS * 1000), cost: 1 },
    app: { digits: policy.app.digits, lifeMs: policy.app.lifeSeconds * 1000, cost: 1 },
    recovery: { digits: LOOKUP_SECRET_CHARACTERS, lifeMs, cost: 1 },
  };
  return answers[method];
}

/** Those that poll at once, and those that sleep in the background: nobody who signs in waits for a push service. */
function rouse(deps: StartDependencies, userId: string, challenge: OpenChallenge): void {
  // There is nothing to show, and nobody is to be disturbed.
  if (challenge.void === true) return;
  const { expiresAt, createdAt } = challenge;
  deps.wakePhones.of(userId);
  if (deps.pushKey !== undefined) void wakeDevices(deps, userId, Math.ceil((expiresAt - createdAt) / 1000));
}

/** Whoever waits for what this start took the place of hears that it is over: the application, and the phone that shows it. */
function tellDisplaced({ wake, wakePhones }: StartDependencies, userId: string, displaced: readonly OpenChallenge[]) {
  for (const { key } of displaced) wake.publish(challengeIdAt({ userId, key }));
  if (displaced.some(({ method, purpose }) => method === 'app' && purpose === 'login')) wakePhones.of(userId);
}

/** Passkeys take a portal, and apps a place where phones reach us. */
function isServed({ relyingParty, deviceUrl }: StartDependencies, method: Method): boolean {
  if (method === 'passkey') return relyingParty !== undefined;
  return method !== 'app' || deviceUrl !== undefined;
}

/** As far as one look tells; the append decides. */
async function isLeftInPeace(
  deps: StartDependencies,
  input: Input,
  { application }: AuthorisedRequest,
  { userId, policy }: { userId: string; policy: Policy },
): Promise<boolean> {
  const { applicationId } = application;
  const device = deviceFingerprint(deps.ring, userId, applicationId, input.context);
  const asked = { applicationId, attempts: promptBudget(policy.app), ...(device !== undefined && { device }) };
  return quietOf(await deps.ledger.peek(userId), asked, deps.now()) !== undefined;
}

function withoutApp(chosen: ChosenMethod): ChosenMethod {
  return { ...chosen, alternatives: chosen.alternatives.filter((method) => method !== 'app') };
}

/** By the policy alone: whether somebody has a PIN, nobody is told who only knows a name (R21). */
function wantsPin({ pin }: Policy, method: Method): boolean {
  const asking: readonly Method[] = pin.methods;
  return asking.includes(method);
}

/** Asked for also of names that nobody has, so that the time it takes tells nothing (R21). */
async function usablePasskeys(
  { passkeys, relyingParty }: StartDependencies,
  userId: string,
  exists: boolean,
  order: readonly Method[],
  policy: Policy,
): Promise<LoginPasskey[]> {
  if (relyingParty === undefined || !order.includes('passkey')) return [];
  return (await passkeys.of(userId, { exists })).filter((passkey) => fits(passkey, relyingParty, policy.passkeys));
}

function recipientOf({ user, userId, chosen }: Asked): Recipient {
  return { user, userId, phone: chosen.method === 'sms' ? chosen.authenticators[0] : undefined };
}

function mayReveal(input: Input, { application }: AuthorisedRequest): boolean {
  if (input.revealUnknown !== true) return false;
  if (application.scopes.includes('user.read') || application.scopes.includes('admin')) return true;
  throw new MfaError('FORBIDDEN', { detail: 'revealUnknown needs the scope user.read.' });
}

/** A name that touches no authenticator still leaves a row in the audit (R8). */
async function recordRefusal(deps: StartDependencies, request: AuthorisedRequest, reason: string): Promise<void> {
  const { attemptId, application, traceId } = request;
  const { applicationId } = application;
  await deps.trail.record({ type: 'challenge.refused', at: deps.now(), applicationId, attemptId, traceId, reason });
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
