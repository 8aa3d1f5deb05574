import type { AccountView, Policy } from '@countersign/contracts';
import type { LoginPin } from '../user/store.ts';
import { isDue } from './rules.ts';

/** What people may do with theirs. */
export function mayOf({ portal }: Pick<Policy, 'portal'>, isWanted: boolean, isSet: boolean) {
  return { mayChange: portal.setPin && (isWanted || isSet), mayRemove: portal.setPin && !isWanted && isSet };
}

/** @param isWanted by whatever policy: also of one application alone. */
export function pinView(pin: LoginPin | undefined, policy: Policy, isWanted: boolean, now: number): AccountView['pin'] {
  const isSet = pin !== undefined;
  if (!isWanted && !isSet) return undefined;
  return {
    isSet,
    isDue: isSet && isDue(pin, policy.pin, now),
    isWanted,
    minLength: policy.pin.minLength,
    ...mayOf(policy, isWanted, isSet),
  };
}
