import type { Check } from '@countersign/contracts';
import { SKEW_ADVICE, skewLevel, skewText } from './skew.ts';

/** @param skewMs the clock of NATS less ours. */
export function checkNatsClock(skewMs: number): Check {
  const level = skewLevel(skewMs);
  const detail = `clock of NATS ${skewText(skewMs)}`;
  return { name: 'clock.nats', level, detail, ...(level !== 'ok' && { advice: SKEW_ADVICE }) };
}
