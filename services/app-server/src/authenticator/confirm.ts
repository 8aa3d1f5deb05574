import { MfaError, type authenticatorConfirm, type InputOf, type OutputOf } from '@countersign/contracts';
import { parseCode } from '@countersign/otp';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import { decideVerify } from '../challenge/decide.ts';
import { matcherFor } from '../challenge/match.ts';
import type { Router } from '../database/router.ts';
import type { UserState } from '../challenge/state.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { recordNotices } from '../notice/record.ts';
import type { Policies } from '../policy/policies.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { getLogin } from '../user/store.ts';
import { enrolmentChallenge } from './enrolment.ts';
import { assertFirst } from './first.ts';
import { activate } from './store.ts';

export interface ConfirmDependencies {
  router: Router;
  ledger: UserLedger;
  users: LoginUsers;
  policies: Policies;
  ring: KeyRing;
  now: () => number;
}

/** How a new authenticator may become active. */
export interface Confirming {
  /** Whoever confirms was let in to enrol the first, and nothing else. */
  onlyFirst?: boolean;
}

/**
 * The first code from a new authenticator. It is spent by this, as any other (OATH-61), and draws on the same budget.
 * @throws MfaError REQUEST_INVALID, USER_NOT_FOUND, AUTHENTICATOR_NOT_FOUND, CHALLENGE_CLOSED, CODE_REJECTED, TRY_LATER,
 * PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function confirm(
  deps: ConfirmDependencies,
  { userId, authenticatorId, code: typed }: InputOf<typeof authenticatorConfirm>,
  request: AuthorisedRequest,
  { onlyFirst = false }: Confirming = {},
): Promise<OutputOf<typeof authenticatorConfirm>> {
  const { application, attemptId, traceId, deadline } = request;
  const code = parseCode(typed);
  if (code === undefined) {
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/code', message: 'must be 6 to 10 digits' }] });
  }
  const user = await getLogin(deps.router, userId, { from: 'primary' });
  if (user === undefined) throw new MfaError('USER_NOT_FOUND');
  const added = user.authenticators.find((candidate) => candidate.authenticatorId === authenticatorId);
  if (added === undefined) throw new MfaError('AUTHENTICATOR_NOT_FOUND');
  const policy = deps.policies.effective(application.applicationId);
  const { challengeId, key } = enrolmentChallenge(deps.ring, userId, authenticatorId);
  const matcher = matcherFor(deps, user, policy.totp, challengeId, code);
  await deps.ledger
    .act(
      userId,
      attemptId,
      (state, now, floor) =>
        decideVerify(
          state,
          {
            key,
            applicationId: application.applicationId,
            purpose: 'enrol',
            attemptId,
            code,
            otherDigits: [],
            attempts: policy.attempts,
            cost: 1,
            floor,
            matches: (challenge) => matcher.matches(state, challenge, now),
          },
          now,
        ),
      { traceId, deadline },
    )
    .then(({ event }) => {
      if (event.type === 'code.rejected') throw new MfaError('CODE_REJECTED', { reason: event.reason });
      if (event.type !== 'challenge.approved' || event.authenticatorId !== authenticatorId) {
        throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
      }
    })
    .catch((refusal: unknown) => assertConfirmedBefore(deps, userId, key, attemptId, refusal));

  const now = deps.now();
  await deps.router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      if (onlyFirst) await assertFirst(transaction, userId, authenticatorId);
      await activate(transaction, userId, authenticatorId, new Date(now));
      await recordAdministration(transaction, {
        type: 'authenticator.confirm',
        at: now,
        attemptId,
        actor: application.name,
        userId,
        detail: { authenticatorId },
      });
      await recordNotices(transaction, { userId, kind: `${added.type}.added`, at: now, added: authenticatorId });
    }),
  );
  return { authenticatorId, state: 'active' };
}

/** The answer of this very attempt was accepted, and only Postgres could not take it then: it counts when the attempt is repeated. */
export async function assertConfirmedBefore(
  { ledger }: Pick<ConfirmDependencies, 'ledger'>,
  userId: string,
  key: string,
  attemptId: string,
  refusal: unknown,
): Promise<void> {
  if (!(refusal instanceof MfaError) || refusal.code !== 'CHALLENGE_CLOSED') throw refusal;
  const isConfirmed = ({ closed }: UserState) =>
    closed.some(
      (challenge) => challenge.key === key && challenge.attemptId === attemptId && challenge.state === 'approved',
    );
  if (!isConfirmed(await ledger.peek(userId, isConfirmed))) throw refusal;
}
