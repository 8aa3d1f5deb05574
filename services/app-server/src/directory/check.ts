import { MfaError, type directoryCheck, type InputOf, type OutputOf } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import { maskPhone } from '../user/mask-phone.ts';
import type { Directories } from './directories.ts';
import type { DirectoryPerson } from './entry.ts';

type Output = OutputOf<typeof directoryCheck>;

/**
 * Looks whether each server answers, and what the directory says of one name. No password is tried.
 * @throws MfaError DIRECTORY_NOT_FOUND, UNAVAILABLE.
 */
export async function check(
  { router, directories }: { router: Router; directories: Directories },
  { directoryId, username }: InputOf<typeof directoryCheck>,
): Promise<Output> {
  await directories.refresh();
  const directory = directories.get(directoryId);
  if (directory === undefined) throw new MfaError('DIRECTORY_NOT_FOUND');
  const servers = await directory.checkServers();
  if (username === undefined || !servers.some(({ ok }) => ok)) return { servers };
  const person = await directory.find(username);
  return { servers, ...(person !== undefined && { person: await shown(router, directoryId, person) }) };
}

async function shown(
  router: Router,
  directoryId: string,
  person: DirectoryPerson,
): Promise<NonNullable<Output['person']>> {
  const { dn, username, names, displayName, mail, language, phones, status, objectId } = person;
  const user = await router.read((db) =>
    db
      .selectFrom('app_user')
      .select('user_id')
      .where('directory_id', '=', directoryId)
      .where('directory_object', '=', objectId)
      .executeTakeFirst(),
  );
  return {
    dn,
    names: [username, ...names],
    phones: phones.map((phone) => maskPhone(phone)),
    status,
    ...(displayName !== undefined && { displayName }),
    ...(mail !== undefined && { mail }),
    ...(language !== undefined && { language }),
    ...(user !== undefined && { userId: user.user_id }),
  };
}
