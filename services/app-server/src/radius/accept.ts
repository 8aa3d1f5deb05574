import { MfaError, type RadiusAnswer, type RadiusAttribute } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { Directories } from '../directory/directories.ts';
import { DirectoryProblem, directoryUnavailable } from '../directory/problem.ts';
import type { LoginUsers } from '../user/login-users.ts';
import type { LoginInput } from './client-request.ts';
import type { EffectiveClient } from './clients.ts';
import type { Kept } from './kept.ts';
import { returnedAttributes } from './returned-attributes.ts';

export interface AcceptDependencies {
  directories: Pick<Directories, 'get'>;
  users: Pick<LoginUsers, 'byId'>;
  kept: Pick<Kept, 'get'>;
}

interface Accepted {
  client: EffectiveClient;
  /** Under which is kept what an upstream server has said. */
  login: string;
  /** Undefined: no user here, let in by the first factor alone. */
  userId: string | undefined;
}

/**
 * What goes with the yes: of the client's settings, the person's groups, and the upstream server. The decision was made before; where this
 * cannot be read nothing is said, and the same request, repeated, finds the decision again.
 * @throws MfaError DIRECTORY_UNAVAILABLE, UNAVAILABLE.
 */
export async function accept(
  { directories, users, kept }: AcceptDependencies,
  { client, login, userId }: Accepted,
): Promise<Extract<RadiusAnswer, { answer: 'accept' }>> {
  const { settings } = client;
  const upstream = settings.firstFactor.by === 'upstream' ? await saidOf(kept, login) : [];
  const groups = settings.groups.length === 0 ? [] : await groupsOf({ directories, users }, settings, userId);
  return { answer: 'accept', attributes: returnedAttributes({ settings, groups, upstream }), send: true };
}

/** Whoever is no user here, and is let in by the first factor alone because the client says so: nobody is, before that is in the audit (HA-40). */
export async function acceptStranger(
  deps: AcceptDependencies & { trail: Trail; now: () => number },
  { client, input, login }: { client: EffectiveClient; input: LoginInput; login: string },
  { attemptId, traceId, application: { applicationId } }: AuthorisedRequest,
): Promise<RadiusAnswer> {
  const { clientId, name } = client;
  const { username, source, transport, accessServer } = input;
  await deps.trail.record(
    {
      type: 'radius.accepted',
      at: deps.now(),
      attemptId,
      traceId,
      applicationId,
      reason: 'no user here: the first factor alone',
      detail: { clientId, client: name, username, source, transport, accessServer },
    },
    { once: true },
  );
  return accept(deps, { client, login, userId: undefined });
}

/** Keys of the connection are among it: without them nobody is let in. */
async function saidOf(kept: AcceptDependencies['kept'], login: string): Promise<RadiusAttribute[]> {
  const said = await kept.get(login);
  if (said?.outcome === 'accept') return said.attributes;
  throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'upstream answer is gone' });
}

/** Whoever comes from no directory is in none of its groups. */
async function groupsOf(
  { directories, users }: Pick<AcceptDependencies, 'directories' | 'users'>,
  { groups }: EffectiveClient['settings'],
  userId: string | undefined,
): Promise<string[]> {
  const user = userId === undefined ? undefined : await users.byId(userId);
  const directory = user?.link && directories.get(user.link.directoryId);
  if (user?.link === undefined || directory === undefined) return [];
  try {
    const person = await directory.get(user.link.objectId);
    if (person === undefined) return [];
    return await directory.groupsOf(
      person,
      groups.map(({ group }) => group),
    );
  } catch (error) {
    throw error instanceof DirectoryProblem ? directoryUnavailable(error) : error;
  }
}
