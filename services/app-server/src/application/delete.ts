import { MfaError, type applicationDelete, type InputOf, type OutputOf } from '@countersign/contracts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import { violatedConstraint } from '../database/failure.ts';
import type { AuthorisedRequest } from './authorise.ts';
import type { ApplicationDependencies } from './create.ts';
import { deleteApplication } from './store.ts';

/** Ends an application and its keys. @throws MfaError APPLICATION_NOT_FOUND, APPLICATION_USED, PRIMARY_UNAVAILABLE. */
export async function remove(
  deps: ApplicationDependencies,
  { applicationId }: InputOf<typeof applicationDelete>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof applicationDelete>> {
  await deps.router
    .write((db) =>
      changeOnce(db, request.attemptId, async (transaction) => {
        if (!(await deleteApplication(transaction, applicationId))) throw new MfaError('APPLICATION_NOT_FOUND');
        await recordAdministration(transaction, {
          type: 'application.delete',
          at: deps.now(),
          attemptId: request.attemptId,
          actor: request.application.name,
          applicationId,
          detail: {},
        });
      }),
    )
    .catch(stillUsed);
  await deps.applications.refresh();
  return { applicationId };
}

function stillUsed(error: unknown): never {
  if (violatedConstraint(error) === 'radius_client_application_fkey')
    throw new MfaError('APPLICATION_USED', { cause: error });
  throw error;
}
