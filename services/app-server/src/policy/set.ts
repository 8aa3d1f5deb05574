import { MfaError, type InputOf, type OutputOf, type policySet } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import { assertKnown, type Settled } from '../ledger/state-form.ts';
import { parsePolicyDocument } from './document.ts';
import { assertRadiusClientsAnswerable } from './radius-clients.ts';
import type { Policies } from './policies.ts';
import { addPolicyVersion, latestPolicy } from './store.ts';

/**
 * Replaces the document of a scope by a new version.
 * @throws MfaError REQUEST_INVALID, POLICY_CONFLICT when it changed since `expectedVersion`, APPLICATION_NOT_FOUND,
 * UPGRADE_UNFINISHED for a PIN, PRIMARY_UNAVAILABLE.
 */
export async function set(
  deps: { router: Router; policies: Policies; settled: Pick<Settled, 'number'>; now: () => number },
  { scope, expectedVersion, document: given }: InputOf<typeof policySet>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof policySet>> {
  const document = parsePolicyDocument(given);
  // The release before would ask for no PIN.
  if ((document.pin?.methods ?? []).length > 0) assertKnown(deps.settled);
  const version = expectedVersion + 1;
  const author = request.application.name;
  const now = deps.now();
  await deps.router.write((db) =>
    changeOnce(db, request.attemptId, async (transaction) => {
      const latest = await latestPolicy(transaction, scope);
      if ((latest?.version ?? 0) !== expectedVersion) throw new MfaError('POLICY_CONFLICT');
      if (scope !== 'global') await assertApplication(transaction, scope);
      await assertRadiusClientsAnswerable(transaction, scope, document);
      await addPolicyVersion(transaction, { scope, version, document }, author, new Date(now));
      await recordAdministration(transaction, {
        type: 'policy.set',
        at: now,
        attemptId: request.attemptId,
        actor: author,
        detail: { scope, version, document },
      });
    }),
  );
  await deps.policies.refresh();
  return { scope, version };
}

type Transaction = Parameters<typeof latestPolicy>[0];

async function assertApplication(db: Transaction, applicationId: string): Promise<void> {
  const row = await db
    .selectFrom('application')
    .select('application_id')
    .where('application_id', '=', applicationId)
    .executeTakeFirst();
  if (row === undefined) throw new MfaError('APPLICATION_NOT_FOUND');
}
