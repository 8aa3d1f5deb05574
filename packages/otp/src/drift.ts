import { totpStep } from './totp.ts';

/**
 * The estimate of how far a token's clock is off, in steps, after it gave a right code (OATH-22). Only a success may update it.
 *
 * One code says little: it was shown for a whole step, and may have been typed after it had changed. So the token's clock is
 * taken to have stood in the middle of the matched step, and the estimate moves only when it is a whole step or more away
 * from that, and then no further than to within one step. A phone with the right time stays at 0 when somebody types a code
 * up to half a step late; a hardware token that loses minutes in a year is followed.
 *
 * As long as `current` was bounded before the match, the matched step is never newer than now + this estimate + the future
 * steps of the window.
 *
 * @param current the estimate so far, 0 at first
 * @param matchedStep what matchTotpStep gave
 * @param nowMs the same time that the match used
 * @param maxDriftSteps bound of the result to either side; 0 switches the estimate off
 * @throws RangeError for numbers out of bounds
 * @see RFC 6238 section 6
 */
export function nextDriftSteps(
  current: number,
  matchedStep: number,
  nowMs: number,
  periodSeconds: number,
  maxDriftSteps: number,
): number {
  const step = totpStep(nowMs, periodSeconds);
  if (!Number.isSafeInteger(current)) throw new RangeError('current must be a whole number');
  if (!Number.isSafeInteger(matchedStep) || matchedStep < 0) throw new RangeError('matchedStep must be a step');
  const sinceStepBegan = nowMs / (periodSeconds * 1000) - step;
  const offset = matchedStep - step + 0.5 - sinceStepBegan;
  return boundDriftSteps(Math.min(Math.max(current, Math.floor(offset)), Math.ceil(offset)), maxDriftSteps);
}

/**
 * The estimate within what the policy allows now. Apply it before a match as well: the policy may have been tightened since
 * the estimate was stored.
 * @throws RangeError when maxDriftSteps is not a whole number from 0
 */
export function boundDriftSteps(driftSteps: number, maxDriftSteps: number): number {
  if (!Number.isSafeInteger(maxDriftSteps) || maxDriftSteps < 0) {
    throw new RangeError('maxDriftSteps must be a whole number from 0');
  }
  // Adding 0 turns -0 into 0.
  return Math.min(Math.max(driftSteps, -maxDriftSteps), maxDriftSteps) + 0;
}
