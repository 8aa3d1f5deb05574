import { applicationFind, MfaError, type ApplicationView } from '@countersign/contracts';
import type { Connection } from '../connection.ts';
import { UsageError } from '../failure.ts';

export const APPLICATION_ARGUMENT = { description: 'Name or id of the application.' } as const;

/** @throws MfaError APPLICATION_NOT_FOUND, or UsageError when several have the name. */
export async function resolveApplication({ ask }: Connection, nameOrId: string): Promise<ApplicationView> {
  const { applications } = await ask(applicationFind, {});
  const byId = applications.find(({ applicationId }) => applicationId === nameOrId.toLowerCase());
  if (byId !== undefined) return byId;
  const named = applications.filter(({ name }) => name.toLowerCase() === nameOrId.toLowerCase());
  const [first, second] = named;
  if (first === undefined) throw new MfaError('APPLICATION_NOT_FOUND');
  if (second !== undefined) {
    const ids = named.map(({ applicationId }) => applicationId).join(', ');
    throw new UsageError(`Several applications are called ${JSON.stringify(nameOrId)}. Name one by its id: ${ids}.`);
  }
  return first;
}
