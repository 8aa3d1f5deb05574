import { randomBytes } from 'node:crypto';
import { toDataURL } from 'qrcode';
import {
  MfaError,
  type authenticatorEnrol,
  type InputOf,
  type Method,
  type OutputOf,
  type Policy,
} from '@countersign/contracts';
import { base32Encode, otpauthUri, RECOMMENDED_SECRET_BYTES } from '@countersign/otp';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { recordAdministration } from '../audit/administration.ts';
import { codeFor, codeMacFor } from '../challenge/code.ts';
import { decideStart } from '../challenge/decide.ts';
import { handOver, reserveMessage, type MessageDependencies, type Recipient } from '../challenge/message.ts';
import type { OpenChallenge } from '../challenge/state.ts';
import type { Router } from '../database/router.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { recordNotices } from '../notice/record.ts';
import { typedCodeMac, typedCodeOf } from '../activation/code.ts';
import { linkFor } from '../activation/link.ts';
import { insertDevice } from '../device/store.ts';
import type { PhoneKeys } from '../keys/phone-keys.ts';
import { assertKnown, type Settled } from '../ledger/state-form.ts';
import type { Policies } from '../policy/policies.ts';
import { openShared, sealedAt } from '../user/login-users.ts';
import { getLogin, type LoginAuthenticator, type LoginUser } from '../user/store.ts';
import { authenticatorIdOf, enrolmentChallenge } from './enrolment.ts';
import { claimPlace, insertApp, insertPhone, insertTotp } from './store.ts';

export interface EnrolDependencies extends MessageDependencies {
  router: Router;
  ledger: UserLedger;
  policies: Policies;
  phoneKeys: PhoneKeys;
  settled: Pick<Settled, 'number'>;
  /** Where phones reach us; without it there are no apps. */
  deviceUrl: string | undefined;
}

type Input = InputOf<typeof authenticatorEnrol>;
type TotpInput = Extract<Input, { type: 'totp' }>;
type PhoneInput = Extract<Input, { type: 'phone' }>;
type AppInput = Pick<Extract<Input, { type: 'app' }>, 'userId' | 'label'>;
type Output = OutputOf<typeof authenticatorEnrol>;

/** @see SP 800-63B-4 section 3.1.3.3 and AAL-13: who enrols a phone is told of its risks. */
const SMS_NOTICE =
  'Codes by SMS can be intercepted, and a number can be taken over. An authenticator app is safer where you can use one.';

/** What is asked besides of a person who enrols for themselves. */
interface OwnLimits {
  maxPhones?: number;
  maxApps?: number;
}

/**
 * Enrols an authenticator. It counts only once a code from it was confirmed, or when an administrator vouches for a number.
 * @throws MfaError USER_NOT_FOUND, AUTHENTICATOR_LIMIT, NOT_ALLOWED, FORBIDDEN, TRY_LATER, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function enrol(
  deps: EnrolDependencies,
  input: Input,
  request: AuthorisedRequest,
  limits: OwnLimits = {},
): Promise<Output> {
  const authenticatorId = authenticatorIdOf(request);
  if (input.type === 'app') return enrolApp(deps, input, request, { authenticatorId });
  return input.type === 'totp'
    ? enrolTotp(deps, input, request, authenticatorId)
    : enrolPhone(deps, input, request, authenticatorId, limits);
}

interface Beginning {
  authenticatorId: string;
  /** The session of whoever was let in to enrol the first factor and nothing else. */
  begunIn?: string;
}

/**
 * A place for a phone, and the code with which it takes it: to scan, and to type.
 * @throws MfaError as `enrol`; NOT_ALLOWED where phones cannot reach us; UPGRADE_UNFINISHED.
 */
export async function enrolApp(
  deps: EnrolDependencies,
  { userId, label = 'Phone' }: AppInput,
  request: AuthorisedRequest,
  { authenticatorId, begunIn }: Beginning,
): Promise<Output> {
  const { ring, deviceUrl } = deps;
  if (deviceUrl === undefined) throw new MfaError('NOT_ALLOWED', { reason: 'COUNTERSIGN_DEVICE_URL is not set' });
  assertKnown(deps.settled);
  const policy = deps.policies.effective(request.application.applicationId);
  const { activationSeconds, maxDevices: maxApps } = policy.app;
  const { challengeId } = enrolmentChallenge(ring, userId, authenticatorId);
  const typed = typedCodeOf(ring, challengeId);
  const now = deps.now();
  const expiresAt = new Date(now + activationSeconds * 1000);
  const row = { userId, authenticatorId, type: 'app', state: 'pending' as const, maxApps };
  await save(deps, request, row, policy, now, async (db) => {
    const isNew = await insertApp(db, { ...row, label, createdAt: new Date(now), expiresAt });
    if (isNew) {
      const activationMac = typedCodeMac(ring, typed);
      await insertDevice(db, { deviceId: authenticatorId, activationMac, begunIn });
    }
    return isNew;
  });
  const { authenticator } = await readBack(deps, userId, authenticatorId);
  await openEnrolment(deps, request, authenticator, userId, policy, 'app', 0, activationSeconds);
  if (authenticator.state !== 'pending') throw new MfaError('CHALLENGE_CLOSED');
  const uri = linkFor(deps, { challengeId, deviceUrl, organisation: policy.totp.issuer });
  return {
    authenticatorId,
    state: 'pending',
    expiresAt: expiresAt.toISOString(),
    uri,
    qr: await toDataURL(uri, { errorCorrectionLevel: 'L', margin: 2 }),
    activationCode: typed,
  };
}

async function enrolTotp(
  deps: EnrolDependencies,
  { userId, label = 'Authenticator app', algorithm = 'SHA1', digits = 6, periodSeconds = 30 }: TotpInput,
  request: AuthorisedRequest,
  authenticatorId: string,
): Promise<Output> {
  const policy = deps.policies.effective(request.application.applicationId);
  const now = deps.now();
  const expiresAt = now + policy.totp.enrolmentLifeSeconds * 1000;
  await save(deps, request, { userId, authenticatorId, type: 'totp', state: 'pending' }, policy, now, async (db) => {
    const secret = randomBytes(RECOMMENDED_SECRET_BYTES[algorithm]);
    return insertTotp(db, {
      authenticatorId,
      userId,
      label,
      state: 'pending',
      createdAt: new Date(now),
      expiresAt: new Date(expiresAt),
      sealed: deps.ring.seal(secret, sealedAt({ authenticatorId, type: 'totp' })),
      algorithm,
      digits,
      periodSeconds,
    });
  });
  const { user, authenticator } = await readBack(deps, userId, authenticatorId);
  await openEnrolment(deps, request, authenticator, userId, policy, 'totp', digits, policy.totp.enrolmentLifeSeconds);

  // A secret is shown while it is being enrolled and never after (OATH-61).
  if (authenticator.state !== 'pending') throw new MfaError('CHALLENGE_CLOSED');
  // Read back rather than remembered: a repeated attempt must show the secret that was kept.
  const secret = openShared(deps.ring, { ...authenticator, type: 'totp' });
  const account = user.username.replaceAll(':', '_');
  const uri = otpauthUri({ issuer: policy.totp.issuer, account, secret, algorithm, digits, periodSeconds });
  return {
    authenticatorId,
    state: 'pending',
    expiresAt: new Date(expiresAt).toISOString(),
    secret: base32Encode(secret),
    uri,
    qr: await toDataURL(uri, { errorCorrectionLevel: 'M', margin: 2 }),
  };
}

async function enrolPhone(
  deps: EnrolDependencies,
  { userId, label = 'Phone', phone, verified = false }: PhoneInput,
  request: AuthorisedRequest,
  authenticatorId: string,
  limits: OwnLimits,
): Promise<Output> {
  if (verified && !request.application.scopes.includes('admin')) {
    throw new MfaError('FORBIDDEN', { detail: 'Only an administrator can vouch for a number.' });
  }
  const policy = deps.policies.effective(request.application.applicationId);
  const now = deps.now();
  const state = verified ? 'active' : 'pending';
  const expiresAt = now + policy.code.lifeSeconds * 1000;
  await save(deps, request, { userId, authenticatorId, type: 'phone', state, ...limits }, policy, now, (db) =>
    insertPhone(db, {
      authenticatorId,
      userId,
      label,
      state,
      createdAt: new Date(now),
      ...(!verified && { expiresAt: new Date(expiresAt) }),
      sealed: deps.ring.seal(Buffer.from(phone), sealedAt({ authenticatorId, type: 'phone' })),
      lastTwo: phone.slice(-2),
      mac: deps.ring.mac('phone', phone),
    }),
  );
  if (verified) return { authenticatorId, state, notice: SMS_NOTICE };

  const { user, authenticator } = await readBack(deps, userId, authenticatorId);
  const recipient: Recipient = { userId, user, phone: authenticator };
  const { digits, lifeSeconds } = policy.code;
  await reserveMessage(deps, recipient, policy, userId);
  const opened = await openEnrolment(deps, request, authenticator, userId, policy, 'sms', digits, lifeSeconds);
  await handOver(deps, recipient, opened.challengeId, opened.challenge, request.application, policy);
  return { authenticatorId, state, expiresAt: new Date(expiresAt).toISOString(), notice: SMS_NOTICE };
}

type Database = Parameters<typeof insertTotp>[0];

async function save(
  deps: EnrolDependencies,
  request: AuthorisedRequest,
  row: { userId: string; authenticatorId: string; type: string; state: string } & OwnLimits,
  policy: Policy,
  now: number,
  insert: (db: Database) => Promise<boolean>,
): Promise<void> {
  const { userId, authenticatorId, type, state, ...limits } = row;
  const max = policy.users.maxAuthenticators;
  await deps.router.write((db) =>
    db.transaction().execute(async (transaction) => {
      await claimPlace(transaction, { userId, authenticatorId, max, now: new Date(now), ...limits });
      if (!(await insert(transaction))) return;
      await recordAdministration(transaction, {
        type: 'authenticator.enrol',
        at: now,
        attemptId: request.attemptId,
        actor: request.application.name,
        userId,
        detail: { authenticatorId, type, state },
      });
      if (type === 'phone' && state === 'active') {
        await recordNotices(transaction, { userId, kind: 'phone.added', at: now, added: authenticatorId });
      }
    }),
  );
}

/** From the primary: the row was written this moment. */
async function readBack(
  deps: EnrolDependencies,
  userId: string,
  authenticatorId: string,
): Promise<{ user: LoginUser; authenticator: LoginAuthenticator }> {
  const user = await getLogin(deps.router, userId, { from: 'primary' });
  const authenticator = user?.authenticators.find((candidate) => candidate.authenticatorId === authenticatorId);
  if (user === undefined || authenticator === undefined) throw new MfaError('AUTHENTICATOR_NOT_FOUND');
  return { user, authenticator };
}

async function openEnrolment(
  { ledger, ring }: EnrolDependencies,
  { application, attemptId, traceId, deadline }: AuthorisedRequest,
  { authenticatorId }: LoginAuthenticator,
  userId: string,
  policy: Policy,
  method: Method,
  digits: number,
  lifeSeconds: number,
): Promise<{ challengeId: string; challenge: OpenChallenge }> {
  const { challengeId, key } = enrolmentChallenge(ring, userId, authenticatorId);
  const { event } = await ledger.act(
    userId,
    attemptId,
    (state, now) =>
      decideStart(
        state,
        {
          key,
          applicationId: application.applicationId,
          purpose: 'enrol',
          method,
          authenticatorId,
          digits,
          ...(method === 'sms' && { codeMac: codeMacFor(ring, challengeId, 1, codeFor(ring, challengeId, 1, digits)) }),
          lifeMs: lifeSeconds * 1000,
          attempts: policy.attempts,
          cost: 1,
          attemptId,
          reveal: true,
        },
        now,
      ),
    { traceId, deadline },
  );
  if (event.type !== 'challenge.started') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  return { challengeId, challenge: event.challenge };
}
