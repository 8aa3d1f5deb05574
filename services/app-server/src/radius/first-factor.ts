import { MfaError } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { prospectOf } from '../directory/adopt.ts';
import { personOfName } from '../directory/person-of-name.ts';
import { DirectoryProblem, directoryUnavailable } from '../directory/problem.ts';
import { holdPassword, type HoldPasswordDependencies } from '../password/hold.ts';
import { once, type PasswordOutcome } from '../password/once.ts';
import { isUserByAnotherName } from '../user/another-name.ts';
import { canonicalUsername } from '../user/canonical.ts';
import { contextOf, step, type LoginInput } from './client-request.ts';
import type { EffectiveClient } from './clients.ts';
import { saidOnce, type SaidOnceDependencies } from './said-once.ts';
import { decoyIdOf } from '../user/decoy.ts';

export type FirstFactorDependencies = HoldPasswordDependencies & SaidOnceDependencies;

/** Whoever has proved the first factor, or whose client has. */
export interface First {
  /** They are no user here. */
  isStranger: boolean;
}

/**
 * Holds the first factor where the client's settings say, by one question per request (ADR 17).
 * @param password as it was typed, without what stood behind it.
 * @param login names it: what an upstream server says is kept under it.
 * @throws MfaError CREDENTIALS_REJECTED and what else is a "no"; DIRECTORY_UNAVAILABLE, RADIUS_UPSTREAM_UNAVAILABLE, UNAVAILABLE.
 */
export async function holdFirst(
  deps: FirstFactorDependencies,
  { client, input, password, login }: { client: EffectiveClient; input: LoginInput; password: string; login: string },
  request: AuthorisedRequest,
): Promise<First> {
  const { firstFactor, requireUserMatch } = client.settings;
  if (firstFactor.by === 'none') return { isStranger: false };
  const attempt = step(request, 'first');
  if (firstFactor.by === 'directory') {
    if (input.mschap !== undefined) {
      throw new MfaError('CREDENTIALS_REJECTED', { reason: 'no upstream server for this kind of password' });
    }
    const typed = { username: input.username, password, context: contextOf(input, client) };
    const { user } = await holdPassword(deps, typed, attempt, { strangers: !requireUserMatch });
    return { isStranger: user === undefined };
  }
  return holdUpstream(deps, { upstreamId: firstFactor.upstreamId, client, input, password, login }, attempt);
}

/** A challenge wants to know more than a password: that is nothing to let anybody in for. */
const OUTCOMES = { accept: 'right', reject: 'wrong', challenge: 'barred' } as const;

interface Upstream {
  upstreamId: string;
  client: EffectiveClient;
  input: LoginInput;
  password: string;
  login: string;
}

async function holdUpstream(
  deps: FirstFactorDependencies,
  { upstreamId, client, input, password, login }: Upstream,
  request: AuthorisedRequest,
): Promise<First> {
  // An empty password is nobody's (LDAP-11); with MS-CHAPv2 there is none.
  if (input.mschap === undefined && password === '')
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'malformed' });
  const { mschap } = input;
  const credential = mschap === undefined ? { password } : { mschap: octetsOf(mschap) };
  return countedOnce(
    deps,
    client,
    input,
    async () => {
      const { outcome } = await saidOnce(deps, { upstreamId, input, login }, credential, request);
      return OUTCOMES[outcome];
    },
    request,
  );
}

/**
 * Counts an answer of an upstream server for the person whom the request names, within their budget of passwords.
 * @throws MfaError CREDENTIALS_REJECTED, TRY_LATER, UNAVAILABLE, and what `ask` throws.
 */
export async function countedOnce(
  deps: FirstFactorDependencies,
  client: EffectiveClient,
  input: Pick<LoginInput, 'username' | 'accessServer'>,
  ask: () => Promise<PasswordOutcome>,
  request: AuthorisedRequest,
): Promise<First> {
  const name = canonicalUsername(input.username);
  if ('refused' in name) throw new MfaError('CREDENTIALS_REJECTED', { reason: 'malformed' });
  const user = await deps.users.byName(name.canonical);
  const userId = user?.userId ?? decoyIdOf(deps.ring, name.canonical);
  const outcome = await once(deps, { userId, context: contextOf(input, client), ask: () => orProblem(ask) }, request);
  if (outcome !== 'right') throw new MfaError('CREDENTIALS_REJECTED', { reason: outcome });
  const state = await deps.ledger.peek(userId);
  if (user?.status === 'disabled' || state.disabled === true || state.blocked !== undefined) {
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'kept out' });
  }
  if (user !== undefined || client.settings.requireUserMatch) return { isStranger: false };
  if (await isUserHere(deps, input.username)) {
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'a user by another name' });
  }
  return { isStranger: true };
}

/** The upstream server knows people by names that nobody has entered here; the directories say whose they are. */
async function isUserHere(deps: FirstFactorDependencies, typed: string): Promise<boolean> {
  const found = await personOfName(deps.directories, typed, undefined).catch((error: unknown) => {
    throw error instanceof DirectoryProblem ? directoryUnavailable(error) : error;
  });
  if (found === undefined) return isUserByAnotherName(deps.users, [typed]);
  const prospect = await prospectOf(deps, found, { typed, known: undefined }, false);
  const { username, names } = found.person;
  return prospect !== undefined || (await isUserByAnotherName(deps.users, [typed, username, ...names]));
}

async function orProblem(ask: () => Promise<PasswordOutcome>) {
  try {
    return { outcome: await ask() };
  } catch (error) {
    if (error instanceof MfaError) return { outcome: 'unknown', problem: error } as const;
    throw error;
  }
}

function octetsOf({ challenge, response }: { challenge: string; response: string }) {
  return { challenge: Buffer.from(challenge, 'base64'), response: Buffer.from(response, 'base64') };
}
