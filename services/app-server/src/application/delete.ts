import { MfaError, type applicationDelete, type InputOf, type OutputOf } from '@countersign/contracts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { AuthorisedRequest } from './authorise.ts';
import type { ApplicationDependencies } from './create.ts';
import { deleteApplication } from './store.ts';

/** Ends an application and its keys. @throws MfaError APPLICATION_NOT_FOUND, PRIMARY_UNAVAILABLE. */
export async function remove(
  deps: ApplicationDependencies,
  { applicationId }: InputOf<typeof applicationDelete>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof applicationDelete>> {
  await deps.router.write((db) =>
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
  );
  await deps.applications.refresh();
  return { applicationId };
}
