import { CLAIM_SECONDS, MAX_CODE_LIFE_SECONDS, MfaError, type Method, type Policy } from '@countersign/contracts';
import { refund, spend, waitMs, type LaneName } from './attempts.ts';
import type { Assurance, EventContext, PinOutcome, RejectionReason, UserEvent } from './events.ts';
import { attemptsOf, laneOf } from './evolve.ts';
import type { RecoveryFloor } from './floor.ts';
import { floorStepOf } from './floor.ts';
import { isRemoved, isSignedOutSince, type OpenChallenge, type Purpose, type Said, type UserState } from './state.ts';

/**
 * The rules that decide a login. Pure: no clock, no randomness, no I/O. An event is what shall be appended; a refusal changes
 * nothing. Whether a decision is true is settled by the conditional append alone (see ../ledger/ledger.ts).
 */
export type Decision = { append: UserEvent } | { refuse: MfaError };

export interface StartCommand {
  key: string;
  applicationId: string;
  purpose: Purpose;
  method: Method;
  authenticatorId?: string;
  digits: number;
  codeMac?: string;
  lifeMs: number;
  /** The code needs the person's PIN as well. */
  pin?: true;
  attempts: Policy['attempts'];
  /** How many authenticators a TOTP code will be held against; 1 for a decoy. */
  cost: number;
  /** The browser that it is in (browser.ts). */
  device?: string;
  context?: EventContext;
  decoy?: true;
  attemptId: string;
  /** The application asked for the truth and may have it. */
  reveal: boolean;
  /** As Postgres has it: holds also where the ledger was not told. */
  disabled?: boolean;
  /** Of the app: where the login comes from. */
  source?: string;
  /** Of the app: what makes the same login begun anew the same (RAD-46). */
  join?: string;
  /** Who alone may have an approval. */
  asker?: string;
  /** The sign-in that it is for, where whoever asks names one. */
  signIn?: Said;
}

export function decideStart(state: UserState, command: StartCommand, now: number): Decision {
  const { key, applicationId, purpose, method, attemptId } = command;
  if (isOpen(state, key)) return refuse('CHALLENGE_CLOSED', { reason: 'key in use' });
  if (command.signIn !== undefined && isSignedOutSince(state, command.signIn)) {
    return refuse('SIGN_IN_NEEDED', { reason: 'signed out since' });
  }
  const barred = command.disabled === true || state.disabled === true || state.blocked !== undefined;
  if (barred && command.reveal) return refuse('USER_DISABLED');

  if (purpose === 'login' && !barred && state.bypass !== undefined && now < state.bypass.expiresAt) {
    const { by } = state.bypass;
    return { append: { type: 'bypass.used', key, applicationId, attemptId, expiresAt: now + command.lifeMs, by } };
  }

  const isPrompt = method === 'app' && purpose === 'login';
  const same = isPrompt ? sameLogin(state, command, now) : undefined;
  if (same !== undefined) return same;
  const lane = laneOf(state, command.device);
  const cost = costOf(method, command.cost);
  const quiet = isPrompt ? quietOf(state, command, now) : undefined;
  const isReported = quiet?.isReported === true;
  if (isReported && command.reveal) return refuse('METHOD_UNAVAILABLE', { detail: REPORTED, reason: 'reported' });
  // What a phone is activated with has 128 bits, and nobody is asked: no siege of prompts keeps it away.
  const isActivation = method === 'app' && purpose === 'enrol';
  const attempts = attemptsOf(state, method, lane);
  const wait = isActivation ? 0 : (quiet?.waitMs ?? waitMs(attempts, command.attempts, lane, cost, now));
  if (wait > 0) return tryLater(wait);

  // A standby that lags may still name a phone that was taken away: nothing is sent there. Nor is anything to whoever reported a login, and
  // to who asks it looks like a prompt that nobody answers, and is paid for as one (R21).
  const dead =
    barred || isReported || (command.authenticatorId !== undefined && isRemoved(state, command.authenticatorId));
  return {
    append: {
      type: 'challenge.started',
      challenge: {
        key,
        applicationId,
        purpose,
        method,
        ...(command.authenticatorId !== undefined && { authenticatorId: command.authenticatorId }),
        digits: command.digits,
        ...(command.codeMac !== undefined && !dead && { codeMac: command.codeMac }),
        sends: method === 'sms' ? 1 : 0,
        sentAt: now,
        createdAt: now,
        expiresAt: now + Math.min(command.lifeMs, MAX_CODE_LIFE_SECONDS * 1000),
        ...(command.device !== undefined && { device: command.device }),
        ...(command.pin === true && { pin: true }),
        ...(command.source !== undefined && { source: command.source }),
        ...(command.join !== undefined && { join: command.join }),
        ...(command.asker !== undefined && { asker: command.asker }),
        ...(dead && { void: true }),
      },
      ...(command.decoy === true && { decoy: true }),
      ...(command.context !== undefined && { context: command.context }),
      ...(isPrompt && { prompted: { lane, attempts: spend(attempts, command.attempts, lane, cost, now) } }),
      ...(isPrompt && command.digits === 0 && { assurance: 'oob-nonconformant' }),
    },
  };
}

/** As long after it was begun may a login be begun anew and find its prompt (RAD-46). */
const JOIN_WITHIN_MS = 60_000;

/**
 * A client that has given up on one server asks another for the same login: the prompt that is open is for both, and whoever asked last has
 * what comes of it. Somebody else with the same password, from elsewhere, is not the same.
 */
function sameLogin(state: UserState, { applicationId, join, asker, attemptId }: StartCommand, now: number) {
  if (join === undefined || asker === undefined) return undefined;
  const open = state.open.find(
    (one) =>
      one.join === join && one.applicationId === applicationId && one.method === 'app' && one.purpose === 'login',
  );
  if (open === undefined || open.void === true || now >= open.expiresAt) return undefined;
  if (now > open.createdAt + JOIN_WITHIN_MS) return undefined;
  return {
    append: { type: 'challenge.joined', key: open.key, applicationId, method: 'app', attemptId, asker },
  } satisfies Decision;
}

const REPORTED =
  'The person reported a login as not theirs: nothing is sent to the app until an administrator unblocks them.';

/** Why nothing is sent to a person's phones now. */
export interface Quiet {
  /** How long for, as far as whoever asks may know; 0 where it takes an administrator, and no prompt is to be waited for (R21). */
  waitMs: number;
  /** The person said that a login was not theirs. */
  isReported: boolean;
}

/**
 * Whether a person is to be left in peace by their phones (R22): they reported a login, prompts were sent as often as allowed, or one is open
 * from a browser that they are known by, which a start from anywhere else would take the place of (R10). Of what is asked in the app only.
 */
export function quietOf(
  state: UserState,
  { applicationId, device, attempts }: Pick<StartCommand, 'applicationId' | 'device' | 'attempts'>,
  now: number,
): Quiet | undefined {
  const lane = laneOf(state, device);
  const isReported = state.pushBlocked !== undefined;
  // A login by another method ends the wait of the budget, and no report: whoever knows the password would ask again at once (R9).
  const budget = Math.max(
    waitMs(attemptsOf(state, 'app', lane), attempts, lane, 1, now),
    (state.quietUntil ?? 0) - now,
  );
  if (budget > 0 || isReported) return { waitMs: budget, isReported };
  const before = lane === 'anywhere' ? promptOfOwner(state, applicationId, now) : undefined;
  return before === undefined ? undefined : { waitMs: before.expiresAt - now, isReported };
}

function promptOfOwner(state: UserState, applicationId: string, now: number): OpenChallenge | undefined {
  return state.open.find(
    (one) =>
      one.method === 'app' &&
      one.applicationId === applicationId &&
      one.void !== true &&
      now < one.expiresAt &&
      laneOf(state, one.device) === 'knownDevice',
  );
}

/** One authenticator that the code fits. */
export interface Match {
  authenticatorId: string;
  /** TOTP only. */
  totp?: {
    step: number;
    /** The estimate after this code. */
    driftSteps: number;
    periodSeconds: number;
    createdAt: number;
    futureSteps: number;
    maxDriftSteps: number;
  };
}

/** What a look at a code costs, whatever comes of it. */
export interface LookCommand {
  key: string;
  applicationId: string;
  purpose: Purpose;
  /** Digits only; see parseCode in packages/otp. */
  code: string;
  /** How many digits the user's authenticators show, besides the number the challenge was started with. */
  otherDigits: number[];
  attempts: Policy['attempts'];
  /** How many authenticators a TOTP code is held against. */
  cost: number;
  /** Where each question is answered once: how many wrong answers came before this one (RAD-21). */
  turn?: number | undefined;
}

export interface VerifyCommand extends LookCommand {
  attemptId: string;
  floor: RecoveryFloor;
  /** As Postgres has it: holds also where the ledger was not told. */
  disabled?: boolean;
  /**
   * Holds the code against the challenge. Pure, and called only when the budget allows a look (R2). Whoever implements it does
   * the same work whether or not anything can match (R21).
   */
  matches: (challenge: OpenChallenge) => Match[];
  /** Where the challenge wants one. */
  pin?: HeldPin;
}

/** A PIN that was held against the person's, which is slow: so it was paid for before (decidePinTry), and the code with it. */
export interface HeldPin {
  is: PinOutcome;
  /** Of the budget that was paid from. */
  lane: LaneName;
  /** There they change it: whoever has none, or one to be changed, is let in all the same. */
  atPortal: boolean;
}

export function decideVerify(state: UserState, command: VerifyCommand, now: number): Decision {
  const look = lookAt(state, command, now);
  if ('refuse' in look) return look;
  const { challenge, cost } = look;
  const { pin } = command;
  if (challenge.pin === true && pin === undefined) return withoutPin();
  const lane = pin?.lane ?? look.lane;
  const attempts = attemptsOf(state, challenge.method, lane);
  const wait = pin === undefined ? waitMs(attempts, command.attempts, lane, cost, now) : 0;
  if (wait > 0) return tryLater(wait);

  const matches = command.matches(challenge);
  const barred = command.disabled === true ? 'disabled' : barredReason(state, challenge);
  const fresh = matches.find((match) => isFresh(state, match, command.floor));
  const { key, applicationId, purpose, method } = challenge;
  if (barred === undefined && fresh !== undefined && pin?.is !== 'wrong') {
    const right = {
      key,
      applicationId,
      method,
      authenticatorId: fresh.authenticatorId,
      attemptId: command.attemptId,
      ...(fresh.totp !== undefined && { step: fresh.totp.step, driftSteps: fresh.totp.driftSteps }),
      ...(pin !== undefined && {
        pin: pin.is,
        refund: { lane, attempts: refund(attempts, command.attempts, lane, cost) },
      }),
    };
    if (pin !== undefined && pin.is !== 'right' && !pin.atPortal) {
      return { append: { type: 'challenge.denied', ...right, reason: `pin ${pin.is}` } };
    }
    const { device } = challenge;
    return { append: { type: 'challenge.approved', purpose, ...right, ...(device !== undefined && { device }) } };
  }
  // A right code beside a wrong PIN stays good: whoever mistyped the PIN types both again, and each time is paid for (OATH-25).
  const spentBy = pin?.is === 'wrong' ? undefined : fresh;
  return {
    append: {
      type: 'code.rejected',
      key,
      applicationId,
      method,
      reason: barred ?? (fresh === undefined ? staleReason(state, matches) : 'pin'),
      lane,
      attempts: pin === undefined ? spend(attempts, command.attempts, lane, cost, now) : attempts,
      ...(spentBy?.totp !== undefined && {
        spent: { authenticatorId: spentBy.authenticatorId, step: spentBy.totp.step },
      }),
      ...(pin !== undefined && { pin: pin.is }),
    },
  };
}

/**
 * A code that came with the login: asked and answered in one step, which one append records. What would end at the question ends there: a
 * refusal, or a bypass.
 */
export function decideAtOnce(
  state: UserState,
  start: StartCommand,
  verifying: (key: string, state: UserState) => VerifyCommand,
  now: number,
): Decision {
  const started = decideStart(state, start, now);
  if ('refuse' in started || started.append.type !== 'challenge.started') return started;
  const { challenge, context } = started.append;
  const asked: UserState = { ...state, open: [challenge] };
  const verified = decideVerify(asked, verifying(challenge.key, asked), now);
  if ('refuse' in verified || context === undefined) return verified;
  const { append } = verified;
  return append.type === 'challenge.approved' || append.type === 'code.rejected'
    ? { append: { ...append, context } }
    : verified;
}

/**
 * Pays for one look at a code and a PIN together, before the slow part of it, so that however many replicas are at it they hash no more
 * often than the budget says.
 */
export function decidePinTry(state: UserState, command: LookCommand, now: number): Decision {
  const look = lookAt(state, command, now);
  if ('refuse' in look) return look;
  const { challenge, lane, cost } = look;
  const { key, applicationId, method } = challenge;
  const attempts = attemptsOf(state, method, lane);
  const wait = waitMs(attempts, command.attempts, lane, cost, now);
  if (wait > 0) return tryLater(wait);
  const spent = spend(attempts, command.attempts, lane, cost, now);
  return { append: { type: 'pin.tried', key, applicationId, method, lane, attempts: spent } };
}

interface Look {
  challenge: OpenChallenge;
  lane: LaneName;
  cost: number;
}

function lookAt(state: UserState, command: LookCommand, now: number): Look | { refuse: MfaError } {
  const found = openChallenge(state, command, now);
  if ('refuse' in found) return found;
  const { challenge } = found;
  const { method } = challenge;
  if (method === 'passkey') return refuse('REQUEST_INVALID', { detail: 'This challenge is answered with a passkey.' });
  if (method === 'app') return refuse('REQUEST_INVALID', { detail: 'This challenge is answered in the app.' });
  if (command.turn !== undefined && command.turn !== (challenge.tries ?? 0)) {
    return refuse('CHALLENGE_CLOSED', { reason: 'answered before' });
  }
  if (command.code.length !== challenge.digits && !command.otherDigits.includes(command.code.length)) {
    return refuse('REQUEST_INVALID', {
      invalid: [{ pointer: '/code', message: `must be ${challenge.digits} digits` }],
    });
  }
  return { challenge, lane: laneOf(state, challenge.device), cost: costOf(method, command.cost) };
}

/** Nothing was looked at, and nothing was paid. */
export function withoutPin(): { refuse: MfaError } {
  return refuse('REQUEST_INVALID', {
    invalid: [{ pointer: '/pin', message: 'is needed beside this code; "" for somebody who has none' }],
  });
}

export interface CancelCommand {
  key: string;
  applicationId: string;
  purpose: Purpose;
  attemptId: string;
}

export function decideCancel(state: UserState, command: CancelCommand, now: number): Decision {
  const found = openChallenge(state, command, now);
  if ('refuse' in found) return found;
  const { key, applicationId } = found.challenge;
  return { append: { type: 'challenge.cancelled', key, applicationId, attemptId: command.attemptId } };
}

export interface TakeOverCommand extends CancelCommand {
  asker: string;
}

/** Whether somebody is asked in the app, or has approved and nobody has had it yet. */
export function isWaitedFor(state: UserState, key: string, now: number): boolean {
  const isOpen = state.open.some((one) => one.key === key && now < one.expiresAt);
  return isOpen || state.closed.some((one) => one.key === key && one.approvedAt !== undefined && one.claimed !== true);
}

/** Whoever asked last has the approval: the one before has given up, or has been told to ask again. */
export function decideTakeOver(state: UserState, command: TakeOverCommand, now: number): Decision {
  const { key, applicationId, attemptId, asker } = command;
  const challenge = [...state.open, ...state.closed].find((one) => one.key === key);
  if (challenge?.applicationId !== applicationId || challenge.method !== 'app') return refuse('CHALLENGE_NOT_FOUND');
  if (!isWaitedFor(state, key, now)) return refuse('CHALLENGE_CLOSED');
  return { append: { type: 'challenge.joined', key, applicationId, method: 'app', attemptId, asker } };
}

export interface ClaimCommand extends CancelCommand {
  /** Who asks, where the challenge says who alone may have it. */
  asker?: string;
  run?: string;
  assurance?: Assurance;
}

/** Hands an approval out once, for a short time, and only while the person may still sign in. */
export function decideClaim(state: UserState, command: ClaimCommand, now: number): Decision {
  const { key, applicationId, attemptId, asker, run, assurance } = command;
  const ended = state.closed.find((one) => one.key === key && one.applicationId === applicationId);
  if (ended === undefined || ended.purpose === 'enrol') {
    const open = openChallenge(state, command, now);
    return 'refuse' in open ? open : refuse('REQUEST_INVALID', { detail: 'Nobody has approved this challenge yet.' });
  }
  const { approvedAt } = ended;
  // Whoever was signed out everywhere since, or reported a login, is let in nowhere by what was approved before.
  const isOver =
    approvedAt === undefined || now >= approvedAt + CLAIM_SECONDS * 1000 || approvedAt < (state.signedOutAt ?? 0);
  if (ended.claimed === true || isOver || barredReason(state) !== undefined) return refuse('CHALLENGE_CLOSED');
  if (ended.asker !== asker) return refuse('CHALLENGE_CLOSED', { reason: 'of another asker' });
  return {
    append: {
      type: 'challenge.claimed',
      key,
      applicationId,
      method: 'app',
      attemptId,
      approvedAt,
      ...(run !== undefined && { run }),
      ...(assurance !== undefined && { assurance }),
    },
  };
}

export interface ResendCommand extends CancelCommand {
  /** Hash of the new code, for the number of sends so far; undefined for a decoy. */
  codeMacFor: (sends: number) => string | undefined;
  messages: Policy['messages'];
  lifeMs: number;
}

/** A resend makes a new code and voids the one before; it gives back no attempt (AAL-10). */
export function decideResend(state: UserState, command: ResendCommand, now: number): Decision {
  const found = openChallenge(state, command, now);
  if ('refuse' in found) return found;
  const { challenge } = found;
  if (challenge.method !== 'sms') {
    return refuse('REQUEST_INVALID', { detail: 'Only a challenge by SMS can be sent again.' });
  }
  if (challenge.sends > command.messages.maxResends) {
    return refuse('TRY_LATER', {
      detail: 'This code was sent as often as allowed. Start a new challenge.',
      retryAfterSeconds: Math.ceil((challenge.expiresAt - now) / 1000),
    });
  }
  const readyAt = challenge.sentAt + command.messages.resendWaitSeconds * 1000 * 2 ** (challenge.sends - 1);
  if (now < readyAt) return tryLater(readyAt - now);
  const codeMac = challenge.void === true ? undefined : command.codeMacFor(challenge.sends);
  return {
    append: {
      type: 'code.resent',
      key: challenge.key,
      applicationId: challenge.applicationId,
      ...(codeMac !== undefined && { codeMac }),
      expiresAt: Math.min(now + command.lifeMs, challenge.createdAt + MAX_CODE_LIFE_SECONDS * 1000),
    },
  };
}

/** The pending challenge of this application, or why there is none. */
export function openChallenge(
  state: UserState,
  { key, applicationId, purpose }: Pick<CancelCommand, 'key' | 'applicationId' | 'purpose'>,
  now: number,
): { challenge: OpenChallenge } | { refuse: MfaError } {
  const challenge = state.open.find((candidate) => candidate.key === key);
  if (challenge === undefined) {
    const closed = state.closed.find((candidate) => candidate.key === key);
    const ours = closed?.applicationId === applicationId && (closed.purpose ?? 'login') === purpose;
    return refuse(ours ? 'CHALLENGE_CLOSED' : 'CHALLENGE_NOT_FOUND');
  }
  // Another application's challenge, and an enrolment where a login is meant, do not exist for this caller (R14).
  if (challenge.applicationId !== applicationId || challenge.purpose !== purpose) return refuse('CHALLENGE_NOT_FOUND');
  if (now >= challenge.expiresAt) return refuse('CHALLENGE_CLOSED', { reason: 'expired' });
  return { challenge };
}

/** A code by SMS is held against one message, however many authenticators there are. */
function costOf(method: Method, cost: number): number {
  return method === 'sms' ? 1 : cost;
}

/** A code is used once: only steps after the last accepted one, and after the recovery floor, count (OATH-23, HA-20). */
function isFresh(state: UserState, { authenticatorId, totp }: Match, floor: RecoveryFloor): boolean {
  if (isRemoved(state, authenticatorId)) return false;
  if (totp === undefined) return true;
  return !isReplayed(state, authenticatorId, totp.step) && totp.step > floorStepOf(floor, totp);
}

function isReplayed(state: UserState, authenticatorId: string, step: number): boolean {
  const record = state.factors[authenticatorId];
  return record !== undefined && step <= record.lastStep;
}

function staleReason(state: UserState, matches: Match[]): RejectionReason {
  if (matches.length === 0) return 'wrong';
  const live = matches.filter(({ authenticatorId }) => !isRemoved(state, authenticatorId));
  if (live.length === 0) return 'removed';
  const replayed = live.some(({ authenticatorId, totp }) => isReplayed(state, authenticatorId, totp?.step ?? Infinity));
  return replayed ? 'replayed' : 'floor';
}

/** @param challenge left out where none was opened before. */
export function barredReason(state: UserState, challenge?: OpenChallenge): 'disabled' | 'blocked' | 'void' | undefined {
  if (state.disabled === true) return 'disabled';
  if (state.blocked !== undefined) return 'blocked';
  return challenge?.void === true ? 'void' : undefined;
}

function isOpen(state: UserState, key: string): boolean {
  return state.open.some((challenge) => challenge.key === key) || state.closed.some((closed) => closed.key === key);
}

function tryLater(waitedMs: number): { refuse: MfaError } {
  return refuse('TRY_LATER', { retryAfterSeconds: Math.ceil(waitedMs / 1000) });
}

export function refuse(...[code, options]: ConstructorParameters<typeof MfaError>): { refuse: MfaError } {
  return { refuse: new MfaError(code, options) };
}
