import { MfaError, type VerifiedChallenge } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { ResultSigner } from '../keys/signing.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUser } from '../user/store.ts';
import type { DatedEvent } from './events.ts';
import type { Wake } from './wake.ts';

/** What the ledger decided, told to whoever asked: the result of an approval, or why there is none. */
export async function approved(
  deps: { signer: Pick<ResultSigner, 'sign'>; wake: Wake; policies: Pick<Policies, 'effective'> },
  { challengeId, key, user }: { challengeId: string; key: string; user: LoginUser | undefined },
  event: DatedEvent,
  { application }: AuthorisedRequest,
): Promise<VerifiedChallenge> {
  if (event.type === 'code.rejected') throw new MfaError('CODE_REJECTED', { reason: event.reason });
  if (event.type === 'challenge.denied') {
    deps.wake.publish(challengeId);
    throw new MfaError('PIN_NEEDED', { reason: event.reason });
  }
  if (event.type !== 'challenge.approved') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  const ours = event.key === key && event.applicationId === application.applicationId && event.purpose === 'login';
  if (!ours) throw new MfaError('INTERNAL', { reason: 'attempt of another' });
  if (user === undefined) throw new MfaError('UNAVAILABLE', { retryAfterSeconds: 1, reason: 'approved user unread' });
  deps.wake.publish(challengeId);
  const { method, at, userVerified = false } = event;
  const policy = deps.policies.effective(application.applicationId);
  const result = await deps.signer.sign({ user, application, challengeId, method, at, policy, userVerified });
  return { challengeId, state: 'approved', method, result };
}
