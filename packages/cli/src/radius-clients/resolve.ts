import { MfaError, radiusClientFind, type RadiusClientView } from '@countersign/contracts';
import type { Connection } from '../connection.ts';

export const CLIENT_ARGUMENT = { description: 'Name or id of the RADIUS client.' } as const;

/** No two have the same name. @throws MfaError RADIUS_CLIENT_NOT_FOUND. */
export async function resolveClient({ ask }: Connection, nameOrId: string): Promise<RadiusClientView> {
  const { clients } = await ask(radiusClientFind, {});
  const wanted = nameOrId.toLowerCase();
  const found =
    clients.find(({ clientId }) => clientId === wanted) ??
    clients.find(({ name }) => name === nameOrId) ??
    clients.find(({ name }) => name.toLowerCase() === wanted);
  if (found === undefined) throw new MfaError('RADIUS_CLIENT_NOT_FOUND');
  return found;
}
