import { addressOfChallenge, MfaError, RADIUS_PASSWORDS, type RadiusAnswer } from '@countersign/contracts';
import { parseCode, parseLookupSecret } from '@countersign/otp';
import type { Applications } from '../application/applications.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { cancel, type CancelDependencies } from '../challenge/cancel.ts';
import { decideTakeOver, isWaitedFor } from '../challenge/decide.ts';
import { hollowIdOf } from '../challenge/start.ts';
import type { UserState } from '../challenge/state.ts';
import { verify, type VerifyDependencies } from '../challenge/verify.ts';
import { canonicalUsername } from '../user/canonical.ts';
import { accept, acceptStranger } from './accept.ts';
import { challenge, reject } from './answers.ts';
import { ask, askerOf, canAsk, NO_RESULT, wait, type AskDependencies } from './ask.ts';
import { asClient, requestName, step, type LoginInput } from './client-request.ts';
import type { EffectiveClient, RadiusClients } from './clients.ts';
import { converse, eapFailure } from './eap.ts';
import { holdFirst, type FirstFactorDependencies } from './first-factor.ts';
import { isRefusal, recordRefusal } from './refusal.ts';
import { textsIn } from './texts.ts';
import { readState, type Token } from './token.ts';
import { methodOfWord, partTyped } from './typed.ts';
import { decoyIdOf } from '../user/decoy.ts';

export type LoginDependencies = AskDependencies &
  FirstFactorDependencies &
  VerifyDependencies &
  CancelDependencies & {
    radiusClients: Pick<RadiusClients, 'get'>;
    applications: Pick<Applications, 'all'>;
  };

/**
 * Decides one Access-Request. Each of its steps is an attempt that is named by the request: whichever replicas a retransmission reaches, every
 * step is taken once, and the answer is the same (RAD-41, RAD-43, INV-13).
 * @throws MfaError where nobody can say yes or no: then the client is told nothing, and asks again (RAD-44).
 */
export async function login(
  deps: LoginDependencies,
  input: LoginInput,
  asking: AuthorisedRequest,
): Promise<RadiusAnswer> {
  const client = deps.radiusClients.get(input.clientId);
  if (client === undefined) throw new MfaError('RADIUS_CLIENT_NOT_FOUND');
  const request = asClient(asking, client, deps.applications.all());
  try {
    const { eap, state } = input;
    assertTaken(client, input);
    if (eap !== undefined) return await converse(deps, client, { ...input, eap }, request);
    return state === undefined
      ? await begin(deps, client, input, request)
      : await goOn(deps, client, input, state, request);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await recordRefusal(deps, client, input, error, request);
    const failure = input.eap === undefined ? [] : eapFailure(Buffer.from(input.eap, 'base64'));
    return reject(client.settings.language, { with: failure });
  }
}

/**
 * What nobody behind this client can check is not tried: with `none` the client would not have checked it either.
 * @throws MfaError CREDENTIALS_REJECTED.
 */
function assertTaken({ passwords }: EffectiveClient, { password, mschap, eap }: LoginInput): void {
  const kinds = { pap: password, mschapv2: mschap, eap };
  const strange = RADIUS_PASSWORDS.find((kind) => kinds[kind] !== undefined && !passwords.includes(kind));
  if (strange !== undefined) throw new MfaError('CREDENTIALS_REJECTED', { reason: `${strange} is not taken here` });
}

/** The first request of a login: the first factor, and then whoever it is is asked. */
async function begin(deps: LoginDependencies, client: EffectiveClient, input: LoginInput, request: AuthorisedRequest) {
  const { password, ...typed } = partTyped(input.password ?? '', client.settings);
  const name = requestName(request);
  const first = await holdFirst(deps, { client, input, password, login: name }, request).catch((error: unknown) => {
    if (client.settings.uniformChallenge && canAsk(client, input) && isRefusal(error))
      return { isWrong: true } as const;
    throw error;
  });
  if ('isWrong' in first) return ask(deps, { client, input, typed, login: name, asked: 0, hollow: true }, request);
  if (first.isStranger) return acceptStranger(deps, { client, input, login: name }, request);
  return ask(deps, { client, input, typed, login: name, asked: 0 }, request);
}

/** What was typed to a challenge. A State that is none of ours is no first request either: its password would be tried as one (RAD-23). */
async function goOn(
  deps: LoginDependencies,
  client: EffectiveClient,
  input: LoginInput,
  state: string,
  request: AuthorisedRequest,
): Promise<RadiusAnswer> {
  const token = readState(deps.ring, client.settings.applicationId, Buffer.from(state, 'base64'));
  const address = token && addressOfChallenge(token.challengeId);
  if (token === undefined || address === undefined)
    throw new MfaError('CHALLENGE_NOT_FOUND', { reason: 'no State of ours' });
  const { userId, key } = address;
  const isHollow = await isHollowOf(deps, input.username, userId);
  const typed = input.password?.trim() ?? '';
  const answer: Answer = { client, input, token, typed, userId, key, ...(isHollow && { hollow: true }) };
  return token.kind === 'code' ? takeCode(deps, answer, request) : takeEnter(deps, answer, request);
}

interface Answer {
  client: EffectiveClient;
  input: LoginInput;
  token: Token;
  typed: string;
  userId: string;
  key: string;
  /** It was asked of whoever had no right to be: nothing is right. */
  hollow?: true;
}

async function takeCode(deps: LoginDependencies, answer: Answer, request: AuthorisedRequest): Promise<RadiusAnswer> {
  const { client, token, typed, userId } = answer;
  if (methodOfWord(typed) !== undefined) return askInstead(deps, answer, request);
  const again = async (turn: number) => {
    const texts = textsIn(client.settings.language ?? (await personNamed(deps, answer.input.username))?.language);
    return challenge(deps.ring, client, { ...token, turn, asked: token.asked + 1 }, `${texts.wrong} ${texts.again}`);
  };
  try {
    await verify(
      { ...deps, signer: NO_RESULT },
      { challengeId: token.challengeId, ...(await parted(deps, answer)) },
      step(request, 'verify'),
      { turn: token.turn },
    );
  } catch (error) {
    if (error instanceof MfaError && error.code === 'CODE_REJECTED') return again(token.turn + 1);
    // Nothing was looked at.
    if (error instanceof MfaError && error.code === 'REQUEST_INVALID') return again(token.turn);
    throw error;
  }
  return accept(deps, { client, login: token.login, userId });
}

/** By their name, since whoever is asked in vain is not asked under their id, and hears the same. */
async function personNamed({ users }: Pick<LoginDependencies, 'users'>, username: string) {
  const name = canonicalUsername(username);
  return 'canonical' in name ? users.byName(name.canonical) : undefined;
}

/** A PIN is typed in front of the code, where one is asked for as well. */
async function parted(
  { ledger }: Pick<LoginDependencies, 'ledger'>,
  { typed, userId, key }: Answer,
): Promise<{ code: string; pin?: string }> {
  if (parseLookupSecret(typed) !== undefined) return { code: typed };
  const open = (await ledger.peek(userId, (state) => state.open.some((one) => one.key === key))).open.find(
    (one) => one.key === key,
  );
  if (open?.pin !== true) return { code: typed === '' ? ' ' : typed };
  const at = Math.max(0, typed.length - open.digits);
  return { code: typed.slice(at) || ' ', pin: typed.slice(0, at).trim() };
}

/** The number was shown; whoever presses Enter waits until it was typed on the phone. A code in its place is as good. */
async function takeEnter(deps: LoginDependencies, answer: Answer, request: AuthorisedRequest): Promise<RadiusAnswer> {
  const { client, token, typed } = answer;
  const method = methodOfWord(typed);
  if (method !== undefined && method !== 'app') return askInstead(deps, answer, request);
  if (parseCode(typed) !== undefined) return askInstead(deps, answer, request);
  await takeOver(deps, answer, request);
  return wait(deps, client, token, { request });
}

/** Who pressed Enter before waits in vain from now on, on whichever replica: there is one approval, and it is for this request. */
async function takeOver(
  { ledger, now }: Pick<LoginDependencies, 'ledger' | 'now'>,
  { userId, key }: Answer,
  request: AuthorisedRequest,
): Promise<void> {
  const has = ({ open, closed }: UserState) => [...open, ...closed].some((one) => one.key === key);
  // What is over, whoever waits is told.
  if (!isWaitedFor(await ledger.peek(userId, has), key, now())) return;
  const { applicationId } = request.application;
  const { attemptId } = step(request, 'enter');
  const asker = askerOf(requestName(request));
  await ledger.act(
    userId,
    attemptId,
    (state, at) => decideTakeOver(state, { key, applicationId, purpose: 'login', attemptId, asker }, at),
    request,
  );
}

/** The question that was asked is over before another one is answered: of two requests with its State one goes on (RAD-21). */
async function askInstead(deps: LoginDependencies, answer: Answer, request: AuthorisedRequest): Promise<RadiusAnswer> {
  const { client, input, token, typed, hollow } = answer;
  await cancel(deps, { challengeId: token.challengeId }, step(request, 'instead'));
  const method = methodOfWord(typed);
  const next = { client, input, login: token.login, asked: token.asked, ...(hollow && { hollow }) };
  if (method !== undefined) return ask(deps, { ...next, typed: { method } }, request);
  try {
    return await ask(deps, { ...next, typed: { code: typed } }, request);
  } catch (error) {
    if (!(error instanceof MfaError) || error.code !== 'CODE_REJECTED') throw error;
    return ask(deps, { ...next, typed: { method: 'totp' } }, request);
  }
}

/**
 * Whether a challenge was asked in vain.
 * @throws MfaError CHALLENGE_NOT_FOUND when it is of another than whom the packet names.
 */
async function isHollowOf(
  { users, ring }: Pick<LoginDependencies, 'users' | 'ring'>,
  username: string,
  userId: string,
) {
  const name = canonicalUsername(username);
  if ('canonical' in name) {
    const { canonical } = name;
    if (userId === hollowIdOf(ring, canonical)) return true;
    const own = (await users.byName(canonical))?.userId ?? decoyIdOf(ring, canonical);
    if (userId === own) return false;
  }
  throw new MfaError('CHALLENGE_NOT_FOUND', { reason: 'State of another user' });
}
