import { MfaError, type clusterFinalize, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { LedgerPart } from '../ledger/start-ledger.ts';
import type { PeerView } from '../ledger/watch.ts';
import { FIRST_RELEASE, RELEASE } from '../release/release.ts';
import type { SettledRelease } from '../release/settled.ts';

export interface FinalizeDependencies {
  parts: readonly Pick<LedgerPart, 'others'>[];
  router: Router;
  settled: SettledRelease;
  version: string;
  now: () => number;
}

/**
 * Settles the installation on this release: its forms may be written from now on, and the release before cannot come back. One that
 * runs somewhere unheard finds out when it is back, and leaves its work to the others.
 * @throws MfaError UPGRADE_UNFINISHED while an app-server of an earlier release answers, PRIMARY_UNAVAILABLE.
 */
export async function finalize(
  { parts, router, settled, version, now }: FinalizeDependencies,
  _input: InputOf<typeof clusterFinalize>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof clusterFinalize>> {
  const earlier = await earlierRuns(parts);
  if (earlier > 0) {
    const detail = `Of those who answer, ${earlier} run an earlier release. Nothing was changed.`;
    throw new MfaError('UPGRADE_UNFINISHED', { detail });
  }
  await router.write((db) =>
    changeOnce(db, request.attemptId, async (transaction) => {
      await transaction
        .updateTable('ledger_layout')
        .set({ release: RELEASE })
        // It never goes back.
        .where((row) => row.or([row('release', 'is', null), row('release', '<', RELEASE)]))
        .execute();
      await recordAdministration(transaction, {
        type: 'cluster.finalize',
        at: now(),
        attemptId: request.attemptId,
        actor: request.application.name,
        detail: { release: RELEASE, version },
      });
    }),
  );
  await settled.refresh('primary');
  return { release: settled.number, version };
}

/** Each app-server answers once for every part of the ledger that it has proven. */
async function earlierRuns(parts: FinalizeDependencies['parts']): Promise<number> {
  const views = await Promise.all(parts.map(({ others }) => others()));
  const isEarlier = ({ release = FIRST_RELEASE }: PeerView) => release < RELEASE;
  return Math.max(...views.map((each) => each.filter(isEarlier).length));
}
