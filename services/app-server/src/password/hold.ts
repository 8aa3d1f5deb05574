import { setTimeout as sleep } from 'node:timers/promises';
import { MfaError } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { EventContext } from '../challenge/events.ts';
import type { UserState } from '../challenge/state.ts';
import { adopt, prospectOf, type AdoptDependencies } from '../directory/adopt.ts';
import type { Directories } from '../directory/directories.ts';
import { personOfName, type FoundPerson } from '../directory/person-of-name.ts';
import { DirectoryProblem, directoryUnavailable } from '../directory/problem.ts';
import type { DirectoryStatus } from '../directory/status.ts';
import type { KeyRing } from '../keys/ring.ts';
import { assertKnown, type Settled } from '../ledger/state-form.ts';
import { isUserByAnotherName } from '../user/another-name.ts';
import { canonicalUsername } from '../user/canonical.ts';
import type { LoginUsers } from '../user/login-users.ts';
import type { LoginUser } from '../user/store.ts';
import { once, type OnceDependencies, type PasswordOutcome } from './once.ts';
import { decoyIdOf } from '../user/decoy.ts';

export interface HoldPasswordDependencies extends OnceDependencies, AdoptDependencies {
  directories: Directories;
  directoryStatus: DirectoryStatus;
  users: LoginUsers;
  ring: KeyRing;
  settled: Pick<Settled, 'number'>;
  trail: Trail;
  now: () => number;
}

export interface TypedPassword {
  username: string;
  password: string;
  context?: EventContext | undefined;
}

/** Whose password was right. */
export interface Holder {
  userId: string;
  /** Undefined only where strangers count: the directory knows them, and they are no user here. */
  user: LoginUser | undefined;
  /** As it stands after the password. */
  state: UserState;
}

/** A moving average gives newcomers so much weight. */
const WEIGHT = 0.1;

/** How long a bind takes of late, ms: whoever is nobody waits as long (R21). */
let usualBindMs = 20;
/** How long the directories take of late to say who is meant by a name, ms. */
let usualLookupMs = 10;

/**
 * Holds a password against the directory, once (ADR 17). Whoever is not there, may not come, or has another password hears the same, after
 * about the same time (R21).
 * @param options `strangers`: whoever the directory knows and who is no user here, by any of their names, may have a right password as well.
 * @throws MfaError CREDENTIALS_REJECTED, PASSWORD_EXPIRED, TRY_LATER, DIRECTORY_UNAVAILABLE, UPGRADE_UNFINISHED, UNAVAILABLE.
 */
export async function holdPassword(
  deps: HoldPasswordDependencies,
  { username, password, context }: TypedPassword,
  request: AuthorisedRequest,
  { strangers = false }: { strangers?: boolean } = {},
): Promise<Holder> {
  assertKnown(deps.settled);
  const name = canonicalUsername(username);
  // An empty password binds as nobody, which directories call a success (RFC 4513 section 5.1.2, LDAP-11).
  if ('refused' in name || password === '') return refused(deps, request, 'malformed');

  // As they stand here: what their directory says of them is read below, and asked once, as of anybody (R21).
  const known = await deps.users.byNameHere(name.canonical);
  const found = await lookUp(deps, username, known?.link);
  const policy = deps.policies.effective(request.application.applicationId);
  const typed = { typed: username, known };
  const prospect = found && (await prospectOf(deps, found, typed, policy.directory.createUsers));
  const userId = prospect?.userId ?? known?.userId ?? decoyIdOf(deps.ring, name.canonical);
  const isStranger = prospect === undefined && known === undefined && found !== undefined;
  const asked = prospect !== undefined || (strangers && isStranger) ? found : undefined;
  const outcome = await once(deps, { userId, context, ask: () => bindOrWait(deps, asked, password) }, request);
  if (asked === undefined) throw new MfaError('CREDENTIALS_REJECTED', { reason: outcome });

  const { status } = asked.person;
  const isKeptOutThere = status === 'disabled' || status === 'expired';
  const isKeptOut = isKeptOutThere || prospect?.user?.status === 'disabled';
  if (outcome === 'expired' && !isKeptOut) throw new MfaError('PASSWORD_EXPIRED');
  if (outcome !== 'right') throw new MfaError('CREDENTIALS_REJECTED', { reason: outcome });
  const state = await deps.ledger.peek(userId);
  deps.directoryStatus.note(linkOf(asked), isKeptOutThere);
  if (isKeptOut || state.disabled === true || state.blocked !== undefined) {
    throw new MfaError('CREDENTIALS_REJECTED', { reason: 'kept out' });
  }
  if (prospect === undefined) {
    const { username: theirs, names } = asked.person;
    if (await isUserByAnotherName(deps.users, [username, theirs, ...names])) {
      throw new MfaError('CREDENTIALS_REJECTED', { reason: 'a user by another name' });
    }
    return { userId, user: undefined, state };
  }
  const user = await adopt(deps, asked, prospect, policy, request).catch(unavailable);
  if (user === undefined) throw new MfaError('CREDENTIALS_REJECTED', { reason: 'nobody here' });
  return { userId, user, state };
}

/** Whom the directories mean. A name that none may know waits as long as those that one was asked for (R21). */
async function lookUp(
  { directories, randomBytes }: HoldPasswordDependencies,
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

async function sleepAbout(ms: number, random: OnceDependencies['randomBytes']): Promise<void> {
  await sleep(ms * (0.8 + (0.4 * random(1).readUInt8(0)) / 255));
}

/** @param found undefined: nobody is asked. */
async function bindOrWait(
  { randomBytes }: Pick<HoldPasswordDependencies, 'randomBytes'>,
  found: FoundPerson | undefined,
  password: string,
): Promise<{ outcome: PasswordOutcome; problem?: MfaError }> {
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
    if (error instanceof DirectoryProblem) return { outcome: 'unknown', problem: directoryUnavailable(error) };
    throw error;
  }
}

async function refused(
  { trail, now }: HoldPasswordDependencies,
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
