import { MfaError, type InputOf, type keysRotate, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import { addPhoneKeySet, type PhoneKeys } from './phone-keys.ts';
import type { KeyRing } from './ring.ts';
import { addSigningKey, type SigningKeys } from './signing-keys.ts';

const DEFAULT_LEAD_SECONDS = 3600;

export interface RotateDependencies {
  router: Router;
  ring: KeyRing;
  signingKeys: SigningKeys;
  phoneKeys: PhoneKeys;
  now: () => number;
}

/** A new key in place of the one that signs. @throws MfaError REQUEST_INVALID, PRIMARY_UNAVAILABLE. */
export async function rotate(
  deps: RotateDependencies,
  { of = 'results', leadSeconds }: InputOf<typeof keysRotate>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof keysRotate>> {
  if (of === 'results') return rotateResults(deps, leadSeconds ?? DEFAULT_LEAD_SECONDS, request);
  if (leadSeconds !== undefined) {
    throw new MfaError('REQUEST_INVALID', {
      detail: 'Phones are told of a new key by the one before: there is no lead.',
    });
  }
  return rotatePhones(deps, request);
}

/** Signs at once. Phones go from key to key, also those that were away for years; the one before stays trusted until the next. */
async function rotatePhones(
  { router, ring, phoneKeys, now }: RotateDependencies,
  { attemptId, application }: AuthorisedRequest,
): Promise<OutputOf<typeof keysRotate>> {
  await router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const version = await addPhoneKeySet(transaction, ring, now());
      const detail = { of: 'phones', version };
      await recordAdministration(transaction, {
        type: 'keys.rotate',
        at: now(),
        attemptId,
        actor: application.name,
        detail,
      });
    }),
  );
  await phoneKeys.refresh('primary');
  const { keySet, signing } = phoneKeys.current();
  return { kid: signing.keyId, signsFrom: new Date(keySet.at).toISOString() };
}

/** Publishes a new signing key now and signs with it after the lead. */
async function rotateResults(
  deps: RotateDependencies,
  leadSeconds: number,
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
