import type { LoginContext } from '@countersign/contracts';
import type { Logger } from '@countersign/telemetry';
import type { Static } from 'typebox';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Trail } from '../audit/trail.ts';
import type { Router } from '../database/router.ts';
import type { AccessFacts } from '../evidence/evidence.ts';

export interface NoteDependencies {
  trail: Trail;
  router: Router;
  logger: Pick<Logger, 'warn'>;
  now: () => number;
}

/** Leaves a row in the audit, and in the user's own when there is a primary to take it: signing in does not wait for one. */
export async function noteSignIn(
  { trail, router, logger, now }: NoteDependencies,
  { facts, context }: { facts: AccessFacts; context: Static<typeof LoginContext> | undefined },
  { attemptId, traceId, application: { applicationId } }: AuthorisedRequest,
): Promise<void> {
  const { userId, sessionId, level, amr } = facts;
  const at = now();
  const detail = { sessionId, level, amr, ...(context !== undefined && { context }) };
  await trail.record({ type: 'session.opened', at, attemptId, traceId, userId, applicationId, detail });
  void router
    .write(
      (db) =>
        db
          .updateTable('app_user')
          .set({ signed_in_at: new Date(at) })
          .where('user_id', '=', userId)
          .execute(),
      { visible: false },
    )
    // Who stays dormant by it needs an access code (R18), and somebody should know why.
    .catch((error: unknown) => logger.warn('session.unnoted', { error }));
}
