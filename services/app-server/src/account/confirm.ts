import { MfaError, type accountConfirm, type InputOf, type OutputOf } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import {
  confirm as confirmAuthenticator,
  type ConfirmDependencies as AuthenticatorDependencies,
} from '../authenticator/confirm.ts';
import type { Confirming } from '../authenticator/confirm.ts';
import { devicesOf } from '../device/store.ts';
import type { AccessFacts } from '../evidence/evidence.ts';
import { confirmPasskey, type ConfirmPasskeyDependencies } from '../passkey/confirm.ts';
import { assertWelcome, freshUntil } from '../session/opened.ts';
import { getLogin, type LoginUser } from '../user/store.ts';
import type { AccountDependencies } from './get.ts';
import { personOf } from './person.ts';

export type ConfirmDependencies = AccountDependencies & AuthenticatorDependencies & ConfirmPasskeyDependencies;

/**
 * Takes the first answer of a new factor. Of somebody who had none it is the second factor of this sign-in: from now on they are signed in.
 * @throws MfaError SIGN_IN_NEEDED, STEP_UP_NEEDED, REQUEST_INVALID, AUTHENTICATOR_NOT_FOUND, CHALLENGE_CLOSED, CODE_REJECTED, TRY_LATER,
 * PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function confirm(
  deps: ConfirmDependencies,
  input: InputOf<typeof accountConfirm>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof accountConfirm>> {
  const { application } = request;
  // What was begun in time may be ended a little later: the enrolment itself lives for minutes only.
  const { user, access, policy } = await personOf(deps, input.access, 'newcomer', request);
  // From the leader: with a first factor they are in, and no later look tells that they were sent out as a newcomer.
  if (access.level === 'enrolment') assertWelcome(user, await deps.ledger.peek(user.userId, () => false), access);
  const { authenticatorId } = input;
  const confirming = { onlyFirst: access.level === 'enrolment' };
  const confirmed = await confirmNew(deps, input, { user, access, confirming }, request);
  if (confirmed.state !== 'active') throw new MfaError('INTERNAL', { reason: 'confirmed and not active' });
  if (access.level === 'full') return { authenticatorId, state: 'active' };
  // It began when it began: whoever signed everybody out meanwhile signed this one out as well.
  const full = { ...access, level: 'full', confirmedAt: deps.now() } as const;
  return {
    authenticatorId,
    state: 'active',
    access: await deps.evidence.issueAccess(full, application),
    freshUntil: new Date(freshUntil(full, policy.portal)).toISOString(),
    expiresAt: new Date(full.endsAt).toISOString(),
  };
}

interface Confirmation {
  user: LoginUser;
  access: AccessFacts;
  confirming: Confirming;
}

async function confirmNew(
  deps: ConfirmDependencies,
  input: InputOf<typeof accountConfirm>,
  { user, access, confirming }: Confirmation,
  request: AuthorisedRequest,
): Promise<{ state: string }> {
  const { authenticatorId } = input;
  const { userId } = user;
  if ('passkey' in input) {
    return confirmPasskey(deps, { user, authenticatorId, passkey: input.passkey }, request, confirming);
  }
  if ('app' in input) return confirmApp(deps, access, authenticatorId);
  return confirmAuthenticator(deps, { userId, authenticatorId, code: input.code }, request, confirming);
}

/**
 * The phone has shown that it works when it was activated. It lets a newcomer in who began it, in this very session: of the phone of
 * somebody else who is at the same account, it says nothing.
 */
async function confirmApp({ router }: ConfirmDependencies, access: AccessFacts, authenticatorId: string) {
  const { userId, level, sessionId } = access;
  const user = await getLogin(router, userId, { from: 'primary' });
  const app = user?.authenticators.find((one) => one.authenticatorId === authenticatorId && one.type === 'app');
  if (app === undefined) throw new MfaError('AUTHENTICATOR_NOT_FOUND');
  if (app.state !== 'active') throw new MfaError('CHALLENGE_NOT_FOUND', { detail: 'No phone has been activated yet.' });
  if (level === 'enrolment') {
    const devices = await router.read((db) => devicesOf(db, userId), { from: 'primary' });
    const begunIn = devices.find(({ deviceId }) => deviceId === authenticatorId)?.begunIn;
    if (begunIn !== sessionId) throw new MfaError('AUTHENTICATOR_NOT_FOUND', { reason: 'begun by another session' });
  }
  return { state: app.state };
}
