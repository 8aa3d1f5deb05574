import { resolveApplication } from '../applications/resolve.ts';
import type { Connection } from '../connection.ts';

export const SCOPE_OPTION = {
  kind: 'text',
  value: 'name or id',
  description: 'The policy of this application; without it the global one.',
} as const;

export interface PolicyScope {
  scope: string;
  /** For people. */
  title: string;
}

/** @throws MfaError APPLICATION_NOT_FOUND */
export async function resolveScope(connection: Connection, application: string | undefined): Promise<PolicyScope> {
  if (application === undefined) return { scope: 'global', title: 'the global policy' };
  const { applicationId, name } = await resolveApplication(connection, application);
  return { scope: applicationId, title: `the policy of ${name}` };
}
