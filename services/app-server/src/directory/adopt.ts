import { createHash } from 'node:crypto';
import { MfaError, uuidFrom } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import { violatedConstraint } from '../database/failure.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import type { KeyRing } from '../keys/ring.ts';
import { canonicalUsername } from '../user/canonical.ts';
import { namesOf, takeNames } from '../user/names.ts';
import { findLogin, getLogin, type LoginUser } from '../user/store.ts';
import type { Directories } from './directories.ts';
import { personOfName, type FoundPerson } from './person-of-name.ts';
import { enrolPhones, type PhonePolicy } from './enrol-phones.ts';
import { DirectoryProblem } from './problem.ts';

export interface AdoptDependencies {
  router: Router;
  ring: Pick<KeyRing, 'seal' | 'mac'>;
  directories: Pick<Directories, 'all' | 'get' | 'unopened'>;
  now: () => number;
}

/** Whom a right password would sign in. */
export interface Prospect {
  userId: string;
  /** Undefined: they would be made. */
  user: LoginUser | undefined;
}

/** What was typed, and to whom it leads here. */
export interface TypedName {
  typed: string;
  known: LoginUser | undefined;
}

/**
 * The user that a person of a directory is, or would be (R3): the one that is linked with them, or one without a directory to whom the typed
 * name leads as well, or a new one where the policy says so. Nothing is written: whoever has no right password changes nothing.
 * @returns undefined where it is nobody, or somebody else than the typed name means here.
 * @throws MfaError UNAVAILABLE.
 */
export async function prospectOf(
  { router, directories }: Pick<AdoptDependencies, 'router' | 'directories'>,
  found: FoundPerson,
  { typed, known }: TypedName,
  createUsers: boolean,
): Promise<Prospect | undefined> {
  // They were found by it.
  if (known?.link !== undefined) return { userId: known.userId, user: known };
  const linked = await linkedUser(router, found);
  // What cannot be a name here leads to nobody.
  if (linked === undefined && 'refused' in canonicalUsername(found.person.username)) return undefined;
  const named = linked ?? (await userNamed(router, found.person.username));
  if (named !== undefined && isLinked(named, found)) {
    return known === undefined || known.userId === named.userId ? { userId: named.userId, user: named } : undefined;
  }
  const isOnlyDirectory = directories.all().length === 1;
  if (known !== undefined) {
    // A bare name may be anybody's of several directories: only one with a domain or a suffix says that it is this one's.
    const isOfOneDirectory = directories.all().filter((directory) => directory.mayKnow(typed)).length === 1;
    const isOfAnother = named !== undefined && named.link === undefined && named.userId !== known.userId;
    if (!isOfOneDirectory || (isOnlyDirectory && isOfAnother)) return undefined;
    return { userId: known.userId, user: known };
  }
  if (named === undefined) return createUsers ? { userId: newUserId(found), user: undefined } : undefined;
  return isOnlyDirectory && named.link === undefined ? { userId: named.userId, user: named } : undefined;
}

/**
 * Makes a prospect the user that they are, once their password was right: links or makes them. Two replicas that do this at once end with one
 * user.
 * @returns undefined where nobody is to be made, or somebody else was faster.
 * @throws DirectoryProblem when a directory that may know the names does not answer.
 * @throws MfaError PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function adopt(
  deps: AdoptDependencies,
  found: FoundPerson,
  { userId, user }: Prospect,
  policy: PhonePolicy,
  request: AuthorisedRequest,
): Promise<LoginUser | undefined> {
  if (user !== undefined && isLinked(user, found)) return user;
  const [unopened] = deps.directories.unopened();
  if (unopened !== undefined)
    throw new DirectoryProblem(`${unopened}, which may know the name as well, cannot be asked`);
  const { directory, person } = found;
  // Of several directories each may have one of this name: who is whose an administrator says, by making the user.
  if (user === undefined && !(await leadsTo(deps.directories, person.username, found))) return undefined;
  const aliases = user === undefined ? await ownNames(deps.directories, found) : [];
  const at = deps.now();
  const attemptId = `${request.attemptId} adopt`;
  const link = {
    directory_id: directory.directoryId,
    directory_object: person.objectId,
    mail: person.mail ?? null,
  };
  try {
    await deps.router.write((db) =>
      changeOnce(db, attemptId, async (transaction) => {
        if (user === undefined) {
          await transaction
            .insertInto('app_user')
            .values({
              ...link,
              user_id: userId,
              username: person.username,
              display_name: person.displayName ?? null,
              language: person.language ?? null,
              status: 'enabled',
              created_at: new Date(at),
              updated_at: new Date(at),
              known_since: new Date(person.createdAt ?? 0),
            })
            .execute();
          await takeNames(transaction, userId, await freeNames(transaction, person.username, aliases));
        } else {
          const updated = await transaction
            .updateTable('app_user')
            .set({ ...link, updated_at: new Date(at) })
            .where('user_id', '=', userId)
            .where('directory_id', 'is', null)
            .executeTakeFirst();
          if (updated.numUpdatedRows !== 1n) return;
        }
        await recordAdministration(transaction, {
          type: user === undefined ? 'user.create' : 'user.update',
          at,
          attemptId,
          actor: request.application.name,
          userId,
          detail: { username: person.username, directory: directory.name },
        });
        await enrolPhones(transaction, deps.ring, { userId, found, policy }, { ...request, attemptId }, at);
      }),
    );
  } catch (error) {
    // Another replica has made the same user, or linked somebody else's name, a moment ago.
    const constraint = violatedConstraint(error);
    if (constraint === undefined || !LOST_RACES.has(constraint)) throw error;
  }
  const adopted = await linkedUser(deps.router, found, 'primary');
  if (adopted === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'user not adopted' });
  return adopted.userId === userId ? adopted : undefined;
}

/** Derived, so that wrong passwords before, and every replica, count for one user (R3). */
function newUserId({ directory, person }: FoundPerson): string {
  return uuidFrom(createHash('sha256').update(`user/${directory.directoryId}/${person.objectId}`).digest());
}

function isLinked({ link }: LoginUser, { directory, person }: FoundPerson): boolean {
  return link?.directoryId === directory.directoryId && link.objectId === person.objectId;
}

/** Whether the directories, asked for a name, mean this person by it and nobody else. */
async function leadsTo(directories: AdoptDependencies['directories'], name: string, found: FoundPerson) {
  const meant = await personOfName(directories, name, undefined);
  return (
    meant?.directory.directoryId === found.directory.directoryId && meant.person.objectId === found.person.objectId
  );
}

/** An attribute may say anything: a name is somebody's only when it leads to them. */
async function ownNames(directories: AdoptDependencies['directories'], found: FoundPerson): Promise<string[]> {
  const { names } = found.person;
  const areTheirs = await Promise.all(names.map((name) => leadsTo(directories, name, found)));
  return names.filter((_, index) => areTheirs[index]);
}

const LOST_RACES: ReadonlySet<string> = new Set(['app_user_pkey', 'app_user_directory_object_key', 'user_alias_pkey']);

async function linkedUser(
  router: Router,
  { directory, person }: FoundPerson,
  from?: 'primary',
): Promise<LoginUser | undefined> {
  const options = from === undefined ? {} : { from };
  const row = await router.read(
    (db) =>
      db
        .selectFrom('app_user')
        .select('user_id')
        .where('directory_id', '=', directory.directoryId)
        .where('directory_object', '=', person.objectId)
        .executeTakeFirst(),
    options,
  );
  return row === undefined ? undefined : getLogin(router, row.user_id, options);
}

async function userNamed(router: Router, username: string): Promise<LoginUser | undefined> {
  const name = canonicalUsername(username);
  return 'refused' in name ? undefined : findLogin(router, name.canonical);
}

/** A name that somebody else has stays theirs; the person is found by the others. */
async function freeNames(db: Kysely<Schema>, username: string, aliases: readonly string[]) {
  const valid = aliases.filter((alias) => !('refused' in canonicalUsername(alias)));
  const names = namesOf(username, valid);
  const taken = await db
    .selectFrom('user_alias')
    .select('canonical')
    .where(
      'canonical',
      'in',
      names.map(({ canonical }) => canonical),
    )
    .execute();
  const theirs = new Set(taken.map(({ canonical }) => canonical));
  return names.filter(({ canonical, isUsername }) => isUsername || !theirs.has(canonical));
}
