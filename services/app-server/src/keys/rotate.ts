import { MfaError, type InputOf, type keysRotate, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from './ring.ts';
import { addSigningKey, type SigningKeys } from './signing-keys.ts';

const DEFAULT_LEAD_SECONDS = 3600;

/** Publishes a new signing key now and signs with it after the lead. @throws MfaError PRIMARY_UNAVAILABLE. */
export async function rotate(
  deps: { router: Router; ring: KeyRing; signingKeys: SigningKeys; now: () => number },
  { leadSeconds = DEFAULT_LEAD_SECONDS }: InputOf<typeof keysRotate>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof keysRotate>> {
  const now = deps.now();
  const newest = await deps.router.write(async (db) => {
    await changeOnce(db, request.attemptId, async (transaction) => {
      const kid = await addSigningKey(transaction, deps.ring, now, now + leadSeconds * 1000);
      await recordAdministration(transaction, {
        type: 'keys.rotate',
        at: now,
        attemptId: request.attemptId,
        actor: request.application.name,
        detail: { kid, leadSeconds },
      });
    });
    // Read rather than remembered: a repeated attempt is told of the key that the first one made.
    return db
      .selectFrom('signing_key')
      .select(['kid', 'signs_from'])
      .orderBy('created_at', 'desc')
      .limit(1)
      .executeTakeFirst();
  });
  await deps.signingKeys.refresh('primary');
  if (newest === undefined) throw new MfaError('INTERNAL', { reason: 'signing key vanished' });
  return { kid: newest.kid, signsFrom: newest.signs_from.toISOString() };
}
