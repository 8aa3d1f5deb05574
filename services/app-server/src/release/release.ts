import { StartRefused } from '../start-refused.ts';

/**
 * Counts the releases of app-server: 1 was version 0.1.0. Two neighbours run side by side during an upgrade; see
 * docs/operations/upgrading.md.
 */
export const RELEASE = 2;
/** The first, which did not yet say what it is. */
export const FIRST_RELEASE = 1;

/** This build may not run on what the installation is settled on. The sentence says what to run instead. */
export class WrongRelease extends StartRefused {
  override readonly name = 'WrongRelease';
}

/**
 * @param settled the release that the installation was finalized on: what app-servers share is written in its forms.
 * @throws WrongRelease unless this build is that release or the next.
 */
export function assertFits(settled: number, own = RELEASE): void {
  if (settled > own) {
    throw new WrongRelease(
      `This is release ${own}, and the installation was finalized on release ${settled}, whose records it may not know. ` +
        'Start the version that the other app-servers run: countersign cluster status.',
    );
  }
  if (settled < own - 1) {
    throw new WrongRelease(
      `This is release ${own}, and the installation is on release ${settled}. No release can be left out: ` +
        `start release ${settled + 1} everywhere, run countersign cluster finalize with it, then come back.`,
    );
  }
}
