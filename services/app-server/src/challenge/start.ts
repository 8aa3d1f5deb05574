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
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { Router } from '../database/router.ts';
import type { Evidence } from '../evidence/evidence.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { ResultSigner } from '../keys/signing.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import { canonicalUsername } from '../user/canonical.ts';
import type { LoginUser } from '../user/store.ts';
import { codeFor, codeMacFor } from './code.ts';
import { decideStart, quietOf, type StartCommand } from './decide.ts';
import { browserFingerprint } from './browser.ts';
import { handOver, phoneEndOf, reserveMessage, type MessageDependencies, type Recipient } from './message.ts';
import { fits, type LoginPasskey } from '../passkey/assertion.ts';
import type { LoginPasskeys } from '../passkey/login-passkeys.ts';
import { offerPasskey } from '../passkey/offer.ts';
import type { RelyingParty } from '../passkey/relying-party.ts';
import { recoverySetOf } from '../recovery/store.ts';
import { promptBudget } from './prompt-budget.ts';
import { numberFor } from '../device/prompt.ts';
import type { DatedEvent } from './events.ts';
import { displacedBy } from './evolve.ts';
import type { OpenChallenge, Said, UserState } from './state.ts';
import type { Wake } from './wake.ts';
import { wakeDevices } from '../device/wake.ts';
import type { WakeUps } from '../wake-up/wake-up.ts';
import type { WakePhones } from '../device/wake-phones.ts';
import { chooseMethod, insteadOf, preferred, takeable, type ChosenMethod } from './method.ts';
import { questionOf, type Question } from './question.ts';
import { sentenceFor } from './sentence.ts';
import { decoyIdOf } from '../user/decoy.ts';

export interface StartDependencies extends MessageDependencies {
  ledger: UserLedger;
  evidence: Pick<Evidence, 'readSignIn'>;
  policies: Pick<Policies, 'effective'>;
  signer: Pick<ResultSigner, 'sign'>;
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

/** Under which whoever has no right to is asked as the user of this name would be. */
export function hollowIdOf(ring: Pick<KeyRing, 'mac'>, canonical: string): string {
  return uuidFrom(ring.mac('hollow', canonical));
}

/** What the protocol that a login comes by has to do with how it is asked. */
export interface Door {
  /** What makes a login begun anew the same, so that it finds the prompt that is open (RAD-46). */
  join?: string;
  /** Who alone may have an approval. */
  asker?: string;
  /** No number can be shown. */
  plain?: true;
  /** What is said behind the prompt, in the language of the prompt. */
  behind?: (asked: { language: string | undefined; method: Method; alternatives: readonly Method[] }) => string;
  /**
   * Whoever asks has no right to: they are asked as the person would be, and nothing is sent, nothing is right, and nothing of the person's is
   * spent or given up for it (AAL-51).
   */
  hollow?: true;
}

/**
 * Asks a user for a second factor. A name that nobody has, or nobody who can answer, is asked in the same way.
 * @throws MfaError REQUEST_INVALID, FORBIDDEN, METHOD_UNAVAILABLE, TRY_LATER, UNAVAILABLE; SIGN_IN_NEEDED only where a sign-in is named,
 * which is not this person's or has ended; USER_NOT_FOUND and USER_DISABLED only for an application that may read users and asked for the
 * truth, or where the policy refuses unknown users.
 */
export async function start(
  deps: StartDependencies,
  input: Input,
  request: AuthorisedRequest,
  door: Door = {},
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
  const userId = user?.userId ?? decoyIdOf(ring, name.canonical);
  const signIn = await signInOf(deps, input, request);
  if (signIn !== undefined && signIn.userId !== userId) {
    throw new MfaError('SIGN_IN_NEEDED', { reason: 'sign-in of another' });
  }
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
  if (reveal && chosen.decoy) {
    throw new MfaError('METHOD_UNAVAILABLE', {
      detail: 'They have no authenticator for an allowed method: enrol one.',
    });
  }

  const language = input.language ?? request.application.promptLanguage ?? user?.language;
  const heldBy = door.hollow === true ? hollowIdOf(ring, name.canonical) : userId;
  const asked: Asked = { user, userId: heldBy, language, chosen, policy, reveal, signIn, door };
  return chosen.method === 'sms' ? startBySms(deps, input, request, asked) : open(deps, input, request, asked);
}

async function signInOf({ evidence }: StartDependencies, input: Input, { application }: AuthorisedRequest) {
  return input.evidence === undefined ? undefined : evidence.readSignIn(input.evidence, application);
}

interface Asked {
  user: LoginUser | undefined;
  userId: string;
  /** In which the page asks. */
  language: string | undefined;
  chosen: ChosenMethod;
  policy: Policy;
  reveal: boolean;
  signIn: Said | undefined;
  door: Door;
}

async function startBySms(deps: StartDependencies, input: Input, request: AuthorisedRequest, asked: Asked) {
  const { phone, ...recipient } = recipientOf(asked);
  const reserved = { ...recipient, phone: asked.door.hollow === true ? undefined : phone };
  await reserveMessage(deps, reserved, asked.policy);
  return open(deps, input, request, asked);
}

/** The append that opens the challenge, and what follows from it. */
async function open(
  deps: StartDependencies,
  input: Input,
  request: AuthorisedRequest,
  asked: Asked,
): Promise<StartedChallenge> {
  const { event, state, displaced } = await append(deps, input, request, asked);
  tellDisplaced(deps, asked.userId, displaced);
  if (event.type === 'bypass.used' && asked.user !== undefined) return letBy(deps, request, asked, asked.user, event);
  const challenge = event.type === 'challenge.started' ? event.challenge : joined(event, state);
  if (challenge.applicationId !== request.application.applicationId || challenge.purpose !== 'login') {
    throw new MfaError('INTERNAL', { reason: 'attempt of another' });
  }
  const challengeId = challengeIdAt({ userId: asked.userId, key: challenge.key });
  if (event.type === 'challenge.started') await reach(deps, request, asked, challengeId, challenge);
  return shown(deps, asked, challengeId, challenge);
}

function joined(event: DatedEvent, { open }: UserState): OpenChallenge {
  const challenge = event.type === 'challenge.joined' ? open.find(({ key }) => key === event.key) : undefined;
  if (challenge === undefined) throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  return challenge;
}

async function append(
  { ledger, ring, randomBytes }: StartDependencies,
  input: Input,
  request: AuthorisedRequest,
  asked: Asked,
): Promise<{ event: DatedEvent; state: UserState; displaced: readonly OpenChallenge[] }> {
  const { attemptId } = request;
  const { applicationId } = request.application;
  const { user, userId, chosen, policy, reveal, signIn, door } = asked;
  // Drawn, so that no later attempt can open this challenge, and with it its code, again. A repeated attempt finds its own in
  // the ledger (INV-21).
  const drawn = randomBytes(16);
  const asking = questionOf(chosen, policy, input.context);
  const question = chosen.method === 'app' && door.plain === true ? { ...asking, digits: 0 } : asking;
  const browser = browserFingerprint(ring, userId, applicationId, input.context);
  const command: StartCommand = {
    key: drawn.toString('base64url'),
    applicationId,
    purpose: 'login',
    method: chosen.method,
    ...question,
    ...answeredBy(ring, asked, challengeIdFor(userId, drawn), question),
    ...(browser !== undefined && { device: browser }),
    ...(input.context !== undefined && { context: input.context }),
    ...(chosen.decoy && { decoy: true }),
    attemptId,
    reveal,
    disabled: user?.status === 'disabled' || door.hollow === true,
    ...(signIn !== undefined && { signIn }),
    ...(door.join !== undefined && { join: door.join }),
    ...(door.asker !== undefined && chosen.method === 'app' && { asker: door.asker }),
  };
  const seen: { before?: UserState } = {};
  const { event, state } = await ledger.act(
    userId,
    attemptId,
    (before, now) => {
      seen.before = before;
      return decideStart(before, command, now);
    },
    request,
  );
  return { event, state, displaced: seen.before === undefined ? [] : displacedBy(seen.before, state) };
}

/** The one thing whose code is right, where it is known beforehand. */
function answeredBy(ring: KeyRing, asked: Asked, challengeId: string, { digits }: Question) {
  const { phone } = recipientOf(asked);
  const { recovery } = asked.chosen;
  if (phone === undefined) return recovery !== undefined && { authenticatorId: recovery.setId };
  const code = codeFor(ring, challengeId, 1, digits);
  return { authenticatorId: phone.authenticatorId, codeMac: codeMacFor(ring, challengeId, 1, code) };
}

/** A one-time bypass takes the place of an answer. */
async function letBy(
  { signer }: StartDependencies,
  { application }: AuthorisedRequest,
  { userId, language, policy }: Asked,
  user: LoginUser,
  { at, expiresAt, key, applicationId }: Extract<DatedEvent, { type: 'bypass.used' }>,
): Promise<StartedChallenge> {
  if (applicationId !== application.applicationId) throw new MfaError('INTERNAL', { reason: 'attempt of another' });
  const challengeId = challengeIdAt({ userId, key });
  const result = await signer.sign({ user, application, challengeId, method: 'bypass', at, policy });
  const prompt = sentenceFor('bypass', language, { digits: 0, phoneEnd: '' });
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

/** What is asked elsewhere than where the login is: by a message, or on the phone. */
async function reach(
  deps: StartDependencies,
  { application }: AuthorisedRequest,
  asked: Asked,
  challengeId: string,
  challenge: OpenChallenge,
): Promise<void> {
  const { userId, chosen, policy } = asked;
  if (chosen.method === 'sms') await handOver(deps, recipientOf(asked), challengeId, challenge, application, policy);
  if (chosen.method === 'app') rouse(deps, userId, challenge);
}

/** What the application shows, and gives the browser. */
async function shown(
  { ring, relyingParty }: StartDependencies,
  asked: Asked,
  challengeId: string,
  challenge: OpenChallenge,
): Promise<StartedChallenge> {
  const { digits, pin = false, expiresAt } = challenge;
  const { userId, language, chosen, policy, door } = asked;
  const { method, alternatives, passkeys } = chosen;
  const number = method === 'app' && digits > 0 ? { number: numberFor(ring, challengeId, digits) } : {};
  const prompt = sentenceFor(method, language, {
    digits,
    phoneEnd: phoneEndOf(ring, recipientOf(asked)),
    pin,
    ...number,
  });
  const behind = door.behind?.({ language, method, alternatives }) ?? '';
  const started: StartedChallenge = {
    challengeId,
    state: 'pending',
    method,
    prompt: behind === '' ? prompt : `${prompt} ${behind}`,
    expiresAt: iso(expiresAt),
    alternatives,
    ...(pin && { pin }),
    ...number,
  };
  if (method !== 'passkey' || relyingParty === undefined) return started;
  return {
    ...started,
    passkey: await offerPasskey({ ring, relyingParty }, userId, challengeId, passkeys, policy.passkeys),
  };
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
  const browser = browserFingerprint(deps.ring, userId, applicationId, input.context);
  const asked = {
    applicationId,
    attempts: promptBudget(policy.app),
    ...(browser !== undefined && { device: browser }),
  };
  return quietOf(await deps.ledger.peek(userId), asked, deps.now()) !== undefined;
}

function withoutApp(chosen: ChosenMethod): ChosenMethod {
  return { ...chosen, alternatives: chosen.alternatives.filter((method) => method !== 'app') };
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
