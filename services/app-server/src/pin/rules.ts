import { MfaError, type Policy } from '@countersign/contracts';

/** Why a PIN is among the first that anybody would try. */
export type Weakness = 'one digit' | 'run' | 'pattern' | 'phone';

/** @param phones the person's own numbers, E.164. */
export function weaknessOf(pin: string, phones: readonly string[]): Weakness | undefined {
  const period = periodOf(pin);
  if (period === 1) return 'one digit';
  if (isRun(pin, 1) || isRun(pin, 9)) return 'run';
  if (period <= pin.length / 2) return 'pattern';
  return phones.some((phone) => phone.endsWith(pin)) ? 'phone' : undefined;
}

/** @throws MfaError REQUEST_INVALID, PIN_WEAK. */
export function assertFit(pin: string, policy: Policy['pin'], phones: readonly string[]): void {
  if (pin.length < policy.minLength) {
    const message = `must have at least ${policy.minLength} digits`;
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/pin', message }] });
  }
  const weakness = policy.allowWeak ? undefined : weaknessOf(pin, phones);
  if (weakness !== undefined) throw new MfaError('PIN_WEAK', { reason: weakness });
}

const DAY_MS = 86_400_000;

/** Whether it has to be changed before it counts. */
export function isDue(pin: { mustChange: boolean; setAt: number }, { lifeDays }: Policy['pin'], now: number): boolean {
  return pin.mustChange || (lifeDays > 0 && now - pin.setAt >= lifeDays * DAY_MS);
}

/** After how many digits it begins again: as many as it has when it does not. */
function periodOf(pin: string): number {
  for (let period = 1; period < pin.length; period += 1) {
    if (pin.slice(period) === pin.slice(0, -period)) return period;
  }
  return pin.length;
}

/** Each digit so much more than the one before; 0 follows 9. */
function isRun(pin: string, step: number): boolean {
  const digits = Array.from(pin, Number);
  return digits.every((digit, index) => index === 0 || digit === ((digits[index - 1] ?? 0) + step) % 10);
}
