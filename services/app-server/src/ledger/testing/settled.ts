import { RELEASE } from '../../release/release.ts';
import type { Settled } from '../state-form.ts';

/** An installation on which no upgrade is under way. */
export const SETTLED: Settled = { number: RELEASE, hear: () => undefined };
