import { MfaError, type accountEnrol, type InputOf, type OutputOf } from '@countersign/contracts';
import { formatLookupSecret, lookupSecret } from '@countersign/otp';
import { isValidPhoneNumber } from 'libphonenumber-js';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, changeWasMade, recordAdministration } from '../audit/administration.ts';
import {
  enrol as enrolAuthenticator,
  enrolApp,
  type EnrolDependencies as AuthenticatorDependencies,
} from '../authenticator/enrol.ts';
import { authenticatorIdOf } from '../authenticator/enrolment.ts';
import { enrolPasskey, type EnrolPasskeyDependencies } from '../passkey/enrol.ts';
import { recoveryMac } from '../recovery/verify.ts';
import { recoverySetOf, replaceSet } from '../recovery/store.ts';
import { recordNotices } from '../notice/record.ts';
import { assertKnown } from '../ledger/state-form.ts';
import type { AccountDependencies } from './get.ts';
import { factorsOf } from './factors.ts';
import { mayDo, servedBy } from './may.ts';
import { personOf, type Person } from './person.ts';

export type EnrolDependencies = AccountDependencies & AuthenticatorDependencies & EnrolPasskeyDependencies;

type Input = InputOf<typeof accountEnrol>;
type Output = OutputOf<typeof accountEnrol>;

/**
 * Begins to add a factor, and issues recovery codes. Who has a factor proves it first (R16, AAL-42); who has none was let in to enrol one.
 * @throws MfaError SIGN_IN_NEEDED, STEP_UP_NEEDED, NOT_ALLOWED, AUTHENTICATOR_LIMIT, REQUEST_INVALID, TRY_LATER, UPGRADE_UNFINISHED,
 * PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function enrol(deps: EnrolDependencies, input: Input, request: AuthorisedRequest): Promise<Output> {
  const { level } = await deps.evidence.readAccess(input.access, request.application);
  const person = await personOf(deps, input.access, level === 'full' ? 'fresh' : 'newcomer', request);
  const { user, state, access, policy } = person;
  const factors = await factorsOf(deps, user.userId, state, { from: 'primary' });
  const isRepeated = factors.some(({ authenticatorId }) => authenticatorId === authenticatorIdOf(request));
  const { enrol: allowed } = mayDo(policy, access, factors, servedBy(deps));
  if (!isRepeated && !allowed.includes(input.type)) refuse(person, factors.length, input.type);
  const { userId } = user;
  const begin: { [T in Input['type']]: (of: Extract<Input, { type: T }>) => Promise<Output> } = {
    totp: ({ label }) => enrolTotp(deps, { userId, label }, request),
    app: ({ label }) => beginApp(deps, person, { label }, request),
    phone: ({ phone, label }) => enrolPhone(deps, person, { phone, label }, request),
    passkey: ({ label }) => enrolPasskey(deps, { user, label }, request),
    recovery: () => issueRecoveryCodes(deps, person, request),
  };
  return (begin[input.type] as (of: Input) => Promise<Output>)(input);
}

/** Says which of the two it was: too many, or not at all. */
function refuse({ policy, access }: Person, count: number, type: Input['type']): never {
  const isFull =
    access.level === 'full' && policy.portal.enrol.includes(type) && count >= policy.users.maxAuthenticators;
  throw new MfaError(isFull ? 'AUTHENTICATOR_LIMIT' : 'NOT_ALLOWED', { reason: `enrol ${type}` });
}

async function enrolTotp(
  deps: EnrolDependencies,
  { userId, label }: { userId: string; label: string | undefined },
  request: AuthorisedRequest,
): Promise<Output> {
  const digits = 6;
  const input = { userId, type: 'totp', digits, ...(label !== undefined && { label }) } as const;
  return { ...(await enrolAuthenticator(deps, input, request)), type: 'totp', digits };
}

async function beginApp(
  deps: EnrolDependencies,
  { user: { userId }, access }: Person,
  { label }: { label: string | undefined },
  request: AuthorisedRequest,
): Promise<Output> {
  const authenticatorId = authenticatorIdOf(request);
  const begun = await enrolApp(deps, { userId, ...(label !== undefined && { label }) }, request, {
    authenticatorId,
    ...(access.level === 'enrolment' && { begunIn: access.sessionId }),
  });
  return { ...begun, type: 'app' };
}

async function enrolPhone(
  deps: EnrolDependencies,
  { user: { userId }, policy }: Person,
  { phone, label }: { phone: string; label: string | undefined },
  request: AuthorisedRequest,
): Promise<Output> {
  const { prefixes } = policy.messages;
  const isSent = prefixes.length === 0 || prefixes.some((prefix) => phone.startsWith(prefix));
  if (!isValidPhoneNumber(phone) || !isSent) {
    const message = isSent ? 'is no telephone number that exists' : 'is in a country that no messages are sent to';
    throw new MfaError('REQUEST_INVALID', { invalid: [{ pointer: '/phone', message }] });
  }
  const input = { userId, type: 'phone', phone, ...(label !== undefined && { label }) } as const;
  const { maxPhones } = policy.portal;
  const begun = await enrolAuthenticator(deps, input, request, { maxPhones });
  return { ...begun, type: 'phone', digits: policy.code.digits };
}

/** New codes void the ones before, in the ledger first, so that no replica that reads an old row takes one (HA-31). */
async function issueRecoveryCodes(
  deps: EnrolDependencies,
  { user: { userId }, policy }: Person,
  request: AuthorisedRequest,
): Promise<Output> {
  const { ring, router, ledger } = deps;
  const { attemptId, application, traceId, deadline } = request;
  assertKnown(deps.settled);
  const setId = authenticatorIdOf(request);
  // Derived, so that the same attempt, repeated, shows the codes that count (INV-21).
  const secrets = Array.from({ length: policy.recovery.codes }, (_, index) =>
    lookupSecret(ring.mac('new-recovery-code', setId, String(index))),
  );
  const answer = {
    authenticatorId: setId,
    type: 'recovery',
    state: 'active',
    codes: secrets.map((secret) => formatLookupSecret(secret)),
  } as const;
  if (await router.read((db) => changeWasMade(db, attemptId), { from: 'primary' }))
    return { ...answer, codes: [...answer.codes] };

  const remove = async (authenticatorId: string) => {
    const removed = { type: 'authenticator.removed', authenticatorId, by: application.name } as const;
    await ledger.act(userId, `${attemptId} ${authenticatorId}`, () => ({ append: removed }), { traceId, deadline });
  };
  const before = await recoverySetOf(router, userId, { from: 'primary' });
  if (before !== undefined) await remove(before.setId);
  const now = deps.now();
  let replaced: string | undefined;
  await router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      const codeMacs = secrets.map((secret) => recoveryMac(ring, setId, secret));
      replaced = await replaceSet(transaction, { userId, setId, codeMacs, createdAt: new Date(now) });
      await recordAdministration(transaction, {
        type: 'authenticator.enrol',
        at: now,
        attemptId,
        actor: application.name,
        userId,
        detail: { authenticatorId: setId, type: 'recovery', state: 'active' },
      });
      await recordNotices(transaction, { userId, kind: 'recovery.added', at: now });
    }),
  );
  // Made meanwhile, at the same moment as these: Postgres spends none of it any more, and the ledger hears of it as well.
  if (replaced !== undefined && replaced !== before?.setId) await remove(replaced);
  return { ...answer, codes: [...answer.codes] };
}
