import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError, uuidFrom, type InputOf, type OutputOf, type passwordVerify } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import { browserFingerprint } from '../challenge/browser.ts';
import type { Directories } from '../directory/directories.ts';
import type { BindOutcome } from '../directory/directory.ts';
import { adopt, prospectOf, type AdoptDependencies } from '../directory/adopt.ts';
import { personOfName, type FoundPerson } from '../directory/person-of-name.ts';
import { DirectoryProblem, directoryUnavailable } from '../directory/problem.ts';
import type { DirectoryStatus } from '../directory/status.ts';
import type { Evidence } from '../evidence/evidence.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { assertKnown, type Settled } from '../ledger/state-form.ts';
import type { Policies } from '../policy/policies.ts';
import { nextStep, type StandingDependencies } from '../session/standing.ts';
import { canonicalUsername } from '../user/canonical.ts';
import type { LoginUsers } from '../user/login-users.ts';
import type { LoginUser } from '../user/store.ts';
import { decideOutcome, decideTry } from './decide.ts';

export interface PasswordDependencies extends StandingDependencies, AdoptDependencies {
  directories: Directories;
  directoryStatus: DirectoryStatus;
  ledger: UserLedger;
  users: LoginUsers;
  policies: Policies;
  evidence: Evidence;
  ring: KeyRing;
  settled: Pick<Settled, 'number'>;
  trail: Trail;
  randomBytes: (size: number) => Buffer;
  now: () => number;
}

type Input = InputOf<typeof passwordVerify>;
type Output = OutputOf<typeof passwordVerify>;

/** Looked for, for so long, where another run of the same attempt asks the directory. */
const OTHERS_TAKE_MS = 6000;
const LOOK_AGAIN_MS = 100;
/** A moving average gives newcomers so much weight. */
const WEIGHT = 0.1;

/** How long a bind takes of late, ms: whoever is nobody waits as long (R21). */
let usualBindMs = 20;
/** How long the directories take of late to say who is meant by a name, ms. */
let usualLookupMs = 10;

/**
 * Holds a password against the directory, once (ADR 17). Whoever is not there, may not come, or has another password hears the same, after
 * about the same time (R21).
 * @throws MfaError NOT_ALLOWED where nobody signs in so, CREDENTIALS_REJECTED, PASSWORD_EXPIRED, TRY_LATER, DIRECTORY_UNAVAILABLE, UPGRADE_UNFINISHED, UNAVAILABLE.
 */
export async function verify(deps: PasswordDependencies, input: Input, request: AuthorisedRequest): Promise<Output> {
  assertKnown(deps.settled);
  const { scopes, applicationId } = request.application;
  if (scopes.includes('portal') && !deps.policies.effective(applicationId).portal.signIn.includes('password')) {
    throw new MfaError('NOT_ALLOWED', { reason: 'signIn password' });
  }
  const name = canonicalUsername(input.username);
  // An empty password binds as nobody, which directories call a success (RFC 4513 section 5.1.2, LDAP-11).
  if ('refused' in name || input.password === '') return refused(deps, request, 'malformed');

  // As they stand here: what their directory says of them is read below, and asked once, as of anybody (R21).
  const known = await deps.users.byNameHere(name.canonical);
  const found = await lookUp(deps, input.username, known?.link);
  const policy = deps.policies.effective(request.application.applicationId);
  const typed = { typed: input.username, known };
  const prospect = found && (await prospectOf(deps, found, typed, policy.directory.createUsers));
  const userId = prospect?.userId ?? known?.userId ?? uuidFrom(deps.ring.mac('decoy', name.canonical));
  const outcome = await once(deps, { userId, input, found: prospect === undefined ? undefined : found }, request);
  if (found === undefined || prospect === undefined) throw new MfaError('CREDENTIALS_REJECTED', { reason: outcome });

  const { status } = found.person;
  const isKeptOutThere = status === 'disabled' || status === 'expired';
  const isKeptOut = isKeptOutThere || prospect.user?.status === 'disabled';
  if (outcome === 'expired' && !isKeptOut) throw new MfaError('PASSWORD_EXPIRED');
  if (outcome !== 'right') throw new MfaError('CREDENTIALS_REJECTED', { reason: outcome });
  const state = await deps.ledger.peek(userId);
  deps.directoryStatus.note(linkOf(found), isKeptOutThere);
  if (isKeptOut || state.disabled === true || state.blocked !== undefined) {
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'kept out' });
  }
  const user = await adopt(deps, found, prospect, policy, request).catch(unavailable);
  if (user === undefined) throw new MfaError('CREDENTIALS_REJECTED', { reason: 'nobody here' });
  const at = deps.now();
  const { firstFactor, expiresAt } = await deps.evidence.issueFirstFactor(
    { userId, amr: ['pwd'], at },
    request.application,
  );
  return {
    firstFactor,
    userId,
    username: user.username,
    ...(user.displayName !== undefined && { displayName: user.displayName }),
    ...(user.language !== undefined && { language: user.language }),
    expiresAt: new Date(expiresAt).toISOString(),
    next: await nextStep(deps, user, state, policy.portal),
  };
}

/** Whom the directories mean. A name that none may know waits as long as those that one was asked for (R21). */
async function lookUp(
  { directories, randomBytes }: PasswordDependencies,
  typed: string,
  link: LoginUser['link'],
): Promise<FoundPerson | undefined> {
  const isAsked =
    link === undefined
      ? directories.all().some((directory) => directory.mayKnow(typed))
      : directories.get(link.directoryId) !== undefined;
  if (!isAsked) {
    await sleepAbout(usualLookupMs, randomBytes);
    return undefined;
  }
  const since = performance.now();
  const found = await personOfName(directories, typed, link).catch(unavailable);
  usualLookupMs += (performance.now() - since - usualLookupMs) * WEIGHT;
  return found;
}

async function sleepAbout(ms: number, random: PasswordDependencies['randomBytes']): Promise<void> {
  await sleep(ms * (0.8 + (0.4 * random(1).readUInt8(0)) / 255));
}

interface Try {
  userId: string;
  input: Input;
  /** Undefined: nobody is asked. */
  found: FoundPerson | undefined;
}

/**
 * One attempt, one bind. The try is appended first, and whoever's append it was asks the directory; the same attempt on another replica waits
 * for what that one writes down.
 */
async function once(
  deps: PasswordDependencies,
  { userId, input, found }: Try,
  request: AuthorisedRequest,
): Promise<BindOutcome | 'unknown'> {
  const { ledger, ring } = deps;
  const { attemptId, traceId, deadline, application } = request;
  const { applicationId } = application;
  const { passwords: attempts } = deps.policies.effective(applicationId);
  const run = deps.randomBytes(9).toString('base64url');
  const browser = browserFingerprint(ring, userId, applicationId, input.context);
  const ofBrowser = browser !== undefined && { device: browser };
  const { event } = await ledger.act(
    userId,
    `${attemptId} try`,
    (state, now) =>
      decideTry(
        state,
        { applicationId, run, attempts, ...ofBrowser, ...(input.context !== undefined && { context: input.context }) },
        now,
      ),
    { traceId, deadline },
  );
  if (event.type !== 'password.tried') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  if (event.run !== run) return outcomeOfAnother(deps, userId, request);

  const { outcome, problem } = await bindOrWait(deps, found, input.password);
  const { event: end } = await ledger.act(
    userId,
    `${attemptId} end`,
    (state) => decideOutcome(state, { applicationId, outcome, attempts, ...ofBrowser }),
    { traceId, deadline },
  );
  if (problem !== undefined) throw directoryUnavailable(problem);
  return outcomeIn(end.type === 'password.rejected' ? end.reason : end.type);
}

async function bindOrWait(
  { randomBytes }: Pick<PasswordDependencies, 'randomBytes'>,
  found: FoundPerson | undefined,
  password: string,
): Promise<{ outcome: BindOutcome | 'unknown'; problem?: DirectoryProblem }> {
  if (found === undefined) {
    await sleepAbout(usualBindMs, randomBytes);
    return { outcome: 'wrong' };
  }
  const since = performance.now();
  try {
    const outcome = await found.directory.bind(found.person.dn, password);
    usualBindMs += (performance.now() - since - usualBindMs) * WEIGHT;
    return { outcome };
  } catch (error) {
    if (error instanceof DirectoryProblem) return { outcome: 'unknown', problem: error };
    throw error;
  }
}

/** @throws MfaError UNAVAILABLE when the other run has not said anything: it may have died after it asked, and nobody asks twice. */
async function outcomeOfAnother(
  { ledger, now }: PasswordDependencies,
  userId: string,
  { attemptId, traceId, deadline }: AuthorisedRequest,
): Promise<BindOutcome | 'unknown'> {
  const pending = new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'asked by another, who has not said' });
  const until = Math.min(deadline, now() + OTHERS_TAKE_MS);
  for (;;) {
    try {
      const { event } = await ledger.act(userId, `${attemptId} end`, () => ({ refuse: pending }), {
        traceId,
        deadline,
      });
      return outcomeIn(event.type === 'password.rejected' ? event.reason : event.type);
    } catch (error) {
      if (error !== pending || now() >= until) throw error;
      await sleep(LOOK_AGAIN_MS);
    }
  }
}

function outcomeIn(said: string): BindOutcome | 'unknown' {
  if (said === 'password.accepted') return 'right';
  return said === 'expired' || said === 'barred' || said === 'unknown' ? said : 'wrong';
}

async function refused(
  { trail, now }: PasswordDependencies,
  { attemptId, traceId, application: { applicationId } }: AuthorisedRequest,
  reason: string,
): Promise<never> {
  await trail.record({ type: 'password.refused', at: now(), attemptId, traceId, applicationId, reason });
  throw new MfaError('CREDENTIALS_REJECTED', { reason });
}

function linkOf({ directory, person }: FoundPerson) {
  return { directoryId: directory.directoryId, objectId: person.objectId };
}

function unavailable(error: unknown): never {
  throw error instanceof DirectoryProblem ? directoryUnavailable(error) : error;
}
