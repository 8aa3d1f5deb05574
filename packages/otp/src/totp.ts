import { timingSafeEqual } from 'node:crypto';
import type { OtpAlgorithm, OtpDigits } from './algorithm.ts';
import { hotp } from './hotp.ts';

/** NIST SP 800-63B asks that the time value changes at least every two minutes. */
const MAX_PERIOD_SECONDS = 120;
/** OATH-21: CPU and the odds of a guess grow with the window. */
const MAX_WINDOW_STEPS = 10;

export interface TotpParameters {
  /** Raw bytes, not base32. */
  secret: Uint8Array;
  algorithm: OtpAlgorithm;
  digits: OtpDigits;
  /** 30 for phone apps, 60 for some hardware tokens; 1 to 120. */
  periodSeconds: number;
}

/** How many steps around the expected one are accepted; 0 to 10 each. */
export interface WindowSteps {
  past: number;
  future: number;
}

/** The default (OATH-21): one step back for the time that typing and the network take, one ahead for a clock that is fast. */
export const DEFAULT_WINDOW_STEPS: Readonly<WindowSteps> = { past: 1, future: 1 };
/**
 * The strict profile (OATH-26). Use it with maxDriftSteps 0: without a step ahead, an estimate that went down because a code
 * was typed late would shut out the codes that are typed in time.
 */
export const STRICT_WINDOW_STEPS: Readonly<WindowSteps> = { past: 1, future: 0 };

/**
 * The number of the time step at `nowMs`, T0 = 0 (OATH-20).
 * @param nowMs milliseconds since the epoch, of the server's own clock (OATH-27)
 * @throws RangeError for a time before the epoch or not finite, or a period that is not a whole number from 1 to 120
 * @see RFC 6238 section 4.2
 */
export function totpStep(nowMs: number, periodSeconds: number): number {
  if (!Number.isFinite(nowMs) || nowMs < 0) throw new RangeError('nowMs must be finite and not before the epoch');
  if (!isWholeWithin(periodSeconds, 1, MAX_PERIOD_SECONDS)) {
    throw new RangeError(`periodSeconds must be a whole number from 1 to ${MAX_PERIOD_SECONDS}`);
  }
  return Math.floor(nowMs / (periodSeconds * 1000));
}

/**
 * The code of one time step.
 * @throws RangeError as hotp does
 * @see RFC 6238 section 4.2
 */
export function totpCode(params: TotpParameters, step: number): string {
  return hotp(params.secret, step, params);
}

/**
 * Which time step a typed code belongs to; undefined when it belongs to none in the window around now + drift.
 *
 * The work does not depend on the code: every step of the window is computed and compared in constant time (OATH-08). A code
 * of the wrong shape is refused before any of it, which tells nobody anything that he did not type himself.
 *
 * A code may be right for several steps of the window by chance. The newest is returned: the ledger then spends all of
 * them, while the oldest would leave the same code good for a second login (RFC 6238 section 5.2).
 *
 * The caller must not take a step for an acceptance: only the ledger knows whether it was used before (OATH-23).
 *
 * @param code what parseCode gave, or any other string; none throws
 * @param driftSteps the estimate of nextDriftSteps, 0 without one, already bounded (boundDriftSteps)
 * @throws RangeError for parameters, a time, a window or a drift out of bounds
 */
export function matchTotpStep(
  params: TotpParameters,
  code: string,
  { nowMs, windowSteps, driftSteps }: { nowMs: number; windowSteps: WindowSteps; driftSteps: number },
): number | undefined {
  const { past, future } = windowSteps;
  if (!isWholeWithin(past, 0, MAX_WINDOW_STEPS) || !isWholeWithin(future, 0, MAX_WINDOW_STEPS)) {
    throw new RangeError(`windowSteps must be whole numbers from 0 to ${MAX_WINDOW_STEPS}`);
  }
  if (!Number.isSafeInteger(driftSteps)) throw new RangeError('driftSteps must be a whole number');
  const expected = totpStep(nowMs, params.periodSeconds) + driftSteps;
  if (code.length !== params.digits || !/^[0-9]+$/.test(code)) return undefined;

  const typed = Buffer.from(code, 'latin1');
  let matched: number | undefined;
  // Before step 0 there are no codes; only a clock at the epoch gets there.
  for (let step = Math.max(0, expected - past); step <= expected + future; step += 1) {
    if (timingSafeEqual(typed, Buffer.from(totpCode(params, step), 'latin1'))) matched = step;
  }
  return matched;
}

function isWholeWithin(value: number, minimum: number, maximum: number): boolean {
  return Number.isInteger(value) && value >= minimum && value <= maximum;
}
