import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import { recordNotices } from '../notice/record.ts';
import { deletePin } from './store.ts';

/** With those before it. Does no harm where there is none. @throws MfaError PRIMARY_UNAVAILABLE, UNAVAILABLE. */
export async function takePinAway(
  { router, now }: { router: Router; now: () => number },
  { userId, reason }: { userId: string; reason?: string },
  { attemptId, application }: AuthorisedRequest,
): Promise<void> {
  const at = now();
  await router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const wasThere = await deletePin(transaction, userId);
      const type = 'pin.remove';
      await recordAdministration(transaction, { type, at, attemptId, actor: application.name, userId, reason });
      if (wasThere) await recordNotices(transaction, { userId, kind: 'pin.removed', at });
    }),
  );
}
