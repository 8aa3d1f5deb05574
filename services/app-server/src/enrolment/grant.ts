import { MfaError, type enrolmentGrant, type InputOf, type OutputOf } from '@countersign/contracts';
import { formatLookupSecret, lookupSecret } from '@countersign/otp';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { assertKnown, type Settled } from '../ledger/state-form.ts';
import { assertUser } from '../user/exists.ts';
import { accessCodeMac } from './code.ts';
import { decideGrant } from './decide.ts';

const DEFAULT_SECONDS = 86_400;

/**
 * Makes a temporary access code, with which somebody without any factor enrols the first one (R16, R18). Who gave it, and why, stands in the
 * audit; the code itself nowhere.
 * @throws MfaError USER_NOT_FOUND, USER_DISABLED, UPGRADE_UNFINISHED, UNAVAILABLE.
 */
export async function grant(
  deps: { router: Router; ledger: UserLedger; ring: KeyRing; settled: Pick<Settled, 'number'> },
  { userId, reason, validSeconds = DEFAULT_SECONDS }: InputOf<typeof enrolmentGrant>,
  { attemptId, application, traceId, deadline }: AuthorisedRequest,
): Promise<OutputOf<typeof enrolmentGrant>> {
  assertKnown(deps.settled);
  await assertUser(deps.router, userId);
  // Derived, so that the same attempt, repeated, shows the code that counts (INV-21).
  const secret = lookupSecret(deps.ring.mac('new-access-code', userId, attemptId));
  const codeMac = accessCodeMac(deps.ring, userId, secret);
  const command = { codeMac, lifeMs: validSeconds * 1000, reason, by: application.name };
  const { event } = await deps.ledger.act(userId, attemptId, (state, now) => decideGrant(state, command, now), {
    traceId,
    deadline,
  });
  if (event.type !== 'enrolment.granted') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  return { userId, accessCode: formatLookupSecret(secret), expiresAt: new Date(event.expiresAt).toISOString() };
}
