import { MfaError, type auditFind, type InputOf, type OutputOf } from '@countersign/contracts';
import { sql } from 'kysely';
import type { Router } from '../database/router.ts';

const DEFAULT_LIMIT = 50;

/**
 * The audit, newest first, a page at a time.
 * @throws MfaError REQUEST_INVALID when `after` is not the `next` of a page, UNAVAILABLE.
 */
export async function find(
  { router }: { router: Router },
  { userId, type, after, limit = DEFAULT_LIMIT }: InputOf<typeof auditFind>,
): Promise<OutputOf<typeof auditFind>> {
  const start = after === undefined ? undefined : readPlace(after);
  const rows = await router.read(
    (db) => {
      let query = db
        .selectFrom('audit_event')
        .selectAll()
        .orderBy('at', 'desc')
        .orderBy('stream', 'desc')
        .orderBy('sequence', 'desc')
        .orderBy('attempt_id', 'desc')
        .limit(limit + 1);
      if (userId !== undefined) query = query.where('user_id', '=', userId);
      if (type !== undefined) query = query.where('type', '=', type);
      if (start !== undefined) {
        const { at, stream, sequence, attemptId } = start;
        query = query
          // Alone it would do the same; with it Postgres leaves out the months after.
          .where('at', '<=', at)
          .where(
            sql<boolean>`(at, stream, sequence, attempt_id) < (${at}, ${stream}, ${sequence}::bigint, ${attemptId})`,
          );
      }
      return query.execute();
    },
    { lane: 'report' },
  );
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    events: page.map((row) => ({
      at: row.at.toISOString(),
      type: row.type,
      ...(row.user_id !== null && { userId: row.user_id }),
      ...(row.application_id !== null && { applicationId: row.application_id }),
      ...(row.challenge_id !== null && { challengeId: row.challenge_id }),
      ...(row.method !== null && { method: row.method }),
      ...(row.reason !== null && { reason: row.reason }),
      ...(row.actor !== null && { actor: row.actor }),
      ...(row.replica !== null && { replica: row.replica }),
      attemptId: row.attempt_id,
      ...(row.trace_id !== null && { traceId: row.trace_id }),
      detail: row.detail,
    })),
    ...(last !== undefined && { next: writePlace(last) }),
  };
}

interface Place {
  at: Date;
  stream: string;
  sequence: string;
  attemptId: string;
}

/** Times are kept to the millisecond by all who write here, so a place in ms is exact. */
function writePlace(row: { at: Date; stream: string; sequence: string; attempt_id: string }): string {
  return [row.at.getTime(), row.stream, row.sequence, row.attempt_id].join('.');
}

const PLACE = /^(\d{1,15})\.([A-Za-z]{1,32})\.(\d{1,18})\.([\x21-\x7e]{1,128})$/;

function readPlace(text: string): Place {
  const [, at = '', stream = '', sequence = '', attemptId = ''] = PLACE.exec(text) ?? [];
  if (attemptId === '') {
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/after', message: 'is not the end of a page' }] });
  }
  return { at: new Date(Number(at)), stream, sequence, attemptId };
}
