import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import type { Identity } from './provider.ts';

type Subject = Pick<Identity, 'issuer' | 'subject'>;

/** The user of whom the provider speaks. @throws MfaError UNAVAILABLE. */
export async function linkedTo(
  router: Router,
  { issuer, subject }: Subject,
  from?: 'primary',
): Promise<string | undefined> {
  const row = await router.read(
    (db) =>
      db
        .selectFrom('user_identity')
        .select('user_id')
        .where('issuer', '=', issuer)
        .where('subject', '=', subject)
        .executeTakeFirst(),
    from === undefined ? {} : { from },
  );
  return row?.user_id;
}

/**
 * Links them, unless either is linked already: a name that the provider has given to somebody else since does not lead to whoever had it.
 * @returns whom it is linked to now.
 * @throws MfaError PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function link(
  { router, now }: { router: Router; now: () => number },
  { issuer, subject }: Subject,
  userId: string,
  { attemptId, application }: AuthorisedRequest,
): Promise<string | undefined> {
  const at = now();
  await router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const { numInsertedOrUpdatedRows: made = 0n } = await transaction
        .insertInto('user_identity')
        .values({ issuer, subject, user_id: userId, created_at: new Date(at) })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      if (made === 0n) return;
      await recordAdministration(transaction, {
        type: 'identity.link',
        at,
        attemptId,
        actor: application.name,
        userId,
        detail: { issuer, subject },
      });
    }),
  );
  return linkedTo(router, { issuer, subject }, 'primary');
}
