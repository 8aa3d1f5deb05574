import { createHash } from 'node:crypto';
import { MfaError, uuidFrom, type applicationCreate, type InputOf, type OutputOf } from '@countersign/contracts';
import { recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { Applications } from './applications.ts';
import type { AuthorisedRequest } from './authorise.ts';
import { newApiKey, type NewApiKey } from './credentials.ts';
import { insertApplication, insertKey, setCertificates } from './store.ts';

export interface ApplicationDependencies {
  router: Router;
  ring: KeyRing;
  applications: Applications;
  now: () => number;
}

/**
 * Makes an application and its first key.
 * @throws MfaError REQUEST_INVALID when the name or a certificate is taken, PRIMARY_UNAVAILABLE.
 */
export async function create(
  deps: ApplicationDependencies,
  { name, scopes, certificates = [] }: InputOf<typeof applicationCreate>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof applicationCreate>> {
  const applicationId = uuidFrom(createHash('sha256').update(`application/${request.attemptId}`).digest());
  const key = keyOfAttempt(deps.ring, request.attemptId);
  const now = deps.now();
  await deps.router.write((db) =>
    db.transaction().execute(async (transaction) => {
      if (!(await insertApplication(transaction, { applicationId, name, scopes }, new Date(now)))) {
        const before = await transaction
          .selectFrom('application')
          .select('application_id')
          .where('application_id', '=', applicationId)
          .executeTakeFirst();
        // This very attempt, repeated: its work stands.
        if (before !== undefined) return;
        throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/name', message: 'is taken' }] });
      }
      await insertKey(transaction, { ...key, applicationId }, new Date(now));
      await setCertificates(transaction, applicationId, certificates, new Date(now));
      await recordAdministration(transaction, {
        type: 'application.create',
        at: now,
        attemptId: request.attemptId,
        actor: request.application.name,
        applicationId,
        detail: { name, scopes, certificates, keyId: key.keyId },
      });
    }),
  );
  await deps.applications.refresh();
  return { applicationId, keyId: key.keyId, apiKey: key.text };
}

/** The same attempt makes the same key, so that a repeated request can be told it again (INV-21). */
export function keyOfAttempt(ring: KeyRing, attemptId: string): NewApiKey {
  const keyId = createHash('sha256').update(`key/${attemptId}`).digest('hex').slice(0, 12);
  return newApiKey(keyId, ring.mac('api-key', attemptId).toString('base64url'));
}
