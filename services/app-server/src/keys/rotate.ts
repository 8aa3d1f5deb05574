import type { InputOf, keysRotate, OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from './ring.ts';
import { addSigningKey, type ResultSigner } from './signing.ts';

const DEFAULT_LEAD_SECONDS = 3600;

/** Publishes a new signing key now and signs with it after the lead. @throws MfaError PRIMARY_UNAVAILABLE. */
export async function rotate(
  deps: { router: Router; ring: KeyRing; signer: ResultSigner; now: () => number },
  { leadSeconds = DEFAULT_LEAD_SECONDS }: InputOf<typeof keysRotate>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof keysRotate>> {
  const now = deps.now();
  const signsFrom = now + leadSeconds * 1000;
  const kid = await deps.router.write((db) =>
    db.transaction().execute(async (transaction) => {
      const made = await addSigningKey(transaction, deps.ring, now, signsFrom);
      await recordAdministration(transaction, {
        type: 'keys.rotate',
        at: now,
        attemptId: request.attemptId,
        actor: request.application.name,
        detail: { kid: made, leadSeconds },
      });
      return made;
    }),
  );
  await deps.signer.refresh('primary');
  return { kid, signsFrom: new Date(signsFrom).toISOString() };
}
