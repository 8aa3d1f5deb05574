import type { KeyRing } from '../keys/ring.ts';
import type { EventContext } from './events.ts';

/**
 * What stands for "the browser the user has logged in from before" in the attempt budgets: 48 bits, only comparable for one
 * user and one application. In the record and in the policy it is a `device`, as it was before there were phones. It decides which budget is drawn on and nothing else, since the application only tells us of it.
 */
export function browserFingerprint(
  ring: KeyRing,
  userId: string,
  applicationId: string,
  context: EventContext | undefined,
): string | undefined {
  if (context?.device === undefined && context?.ip === undefined) return undefined;
  return ring
    .mac('device', userId, applicationId, context.device ?? '', context.ip ?? '')
    .subarray(0, 6)
    .toString('base64url');
}
