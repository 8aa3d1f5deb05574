import type { Check } from '@countersign/contracts';
import { assertFits, RELEASE, WrongRelease } from '../release/release.ts';

/** @param settled the release that the installation is on, as this replica knows it. */
export function checkRelease(settled: number): Check {
  const name = 'release';
  try {
    assertFits(settled);
  } catch (error) {
    if (!(error instanceof WrongRelease)) throw error;
    return { name, level: 'fail', detail: error.message, advice: 'See docs/operations/upgrading.md.' };
  }
  if (settled === RELEASE) return { name, level: 'ok', detail: `release ${RELEASE}` };
  return {
    name,
    level: 'warn',
    detail: `release ${RELEASE}, and the installation is on release ${settled}: an upgrade is under way`,
    advice: 'When every app-server runs the new version and it has proven itself: countersign cluster finalize',
  };
}
