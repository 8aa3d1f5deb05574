import { MfaError, userFind, userGet, type UserView } from '@countersign/contracts';
import type { Connection } from '../connection.ts';
import { isUuid } from '../uuid.ts';

export const USER_ARGUMENT = { description: 'Name or alias in any spelling, or the id.' } as const;

/**
 * The one user that has this name, alias or id. A name that looks like an id is still found.
 * @throws MfaError USER_NOT_FOUND
 */
export async function resolveUser({ ask }: Connection, nameOrId: string): Promise<UserView> {
  if (isUuid(nameOrId)) {
    const user = await ask(userGet, { userId: nameOrId.toLowerCase() }).catch(undefinedWhenNotFound);
    if (user !== undefined) return user;
  }
  const [user] = (await ask(userFind, { username: nameOrId })).users;
  if (user === undefined) throw new MfaError('USER_NOT_FOUND');
  return user;
}

function undefinedWhenNotFound(error: unknown): undefined {
  if (error instanceof MfaError && error.code === 'USER_NOT_FOUND') return undefined;
  throw error;
}
