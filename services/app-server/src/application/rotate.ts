import type { applicationRotate, InputOf, OutputOf } from '@countersign/contracts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { AuthorisedRequest } from './authorise.ts';
import { keyOfAttempt, type ApplicationDependencies } from './create.ts';
import { expireOtherKeys, insertKey, lockApplication, setCertificates } from './store.ts';

const DEFAULT_OVERLAP_SECONDS = 7 * 86_400;

/**
 * Adds a key and lets the older ones end after the overlap. Once for an attempt: repeated after the next rotation, it must not end
 * the newer key (INV-21).
 * @throws MfaError APPLICATION_NOT_FOUND, PRIMARY_UNAVAILABLE.
 */
export async function rotate(
  deps: ApplicationDependencies,
  { applicationId, overlapSeconds = DEFAULT_OVERLAP_SECONDS, certificates }: InputOf<typeof applicationRotate>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof applicationRotate>> {
  const key = keyOfAttempt(deps.ring, request.attemptId);
  const now = deps.now();
  await deps.router.write((db) =>
    changeOnce(db, request.attemptId, async (transaction) => {
      await lockApplication(transaction, applicationId);
      await insertKey(transaction, { ...key, applicationId }, new Date(now));
      await expireOtherKeys(transaction, applicationId, key.keyId, new Date(now + overlapSeconds * 1000));
      if (certificates !== undefined) await setCertificates(transaction, applicationId, certificates, new Date(now));
      await recordAdministration(transaction, {
        type: 'application.rotate',
        at: now,
        attemptId: request.attemptId,
        actor: request.application.name,
        applicationId,
        detail: { keyId: key.keyId, overlapSeconds },
      });
    }),
  );
  await deps.applications.refresh();
  return { applicationId, keyId: key.keyId, apiKey: key.text };
}
