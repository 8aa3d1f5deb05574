import type { Method } from '@countersign/contracts';
import type { DatedEvent, Refund, UserEvent } from './events.ts';
import { LANES, recover, UNSPENT, type AttemptLane, type BudgetFactor, type LaneName } from './attempts.ts';
import {
  MAX_CLOSED,
  MAX_FACTORS,
  MAX_INVITATIONS,
  MAX_KNOWN_BROWSERS,
  MAX_OPEN,
  MAX_REMOVED,
  MAX_TEXT_BYTES_IN_STATE,
  shortId,
  shortInvitation,
  type AcceptedInvitation,
  type ClosedChallenge,
  type OpenChallenge,
  type Purpose,
  type UserState,
} from './state.ts';

/** The state after an event. Pure and total: it never refuses, since what it is given has happened. */
export function evolve(state: UserState, event: DatedEvent): UserState {
  const apply = TRANSITIONS[event.type] as (state: UserState, event: DatedEvent) => UserState;
  return apply(state, event);
}

type Transitions = {
  [T in UserEvent['type']]: (state: UserState, event: Extract<DatedEvent, { type: T }>) => UserState;
};

const TRANSITIONS: Transitions = {
  'challenge.started': (state, { challenge, prompted, at }) => {
    const { open, closed } = makeRoom(superseding(state, challenge), at);
    const attempts = prompted === undefined ? state.attempts : spent(state, prompted);
    return { ...state, open: [...open, challenge], closed, attempts };
  },

  'challenge.joined': (state, { key, asker }) => ({
    ...state,
    open: state.open.map((challenge) => (challenge.key === key ? { ...challenge, asker } : challenge)),
    closed: state.closed.map((challenge) => (challenge.key === key ? { ...challenge, asker } : challenge)),
  }),

  // A code that came with the login was never open: then there is nothing to close.
  'challenge.approved': (state, event) => ({
    ...close(state, event.key, 'approved', event.attemptId, isInApp(event) ? { approvedAt: event.at } : {}),
    // A right code for one thing takes back nothing that was tried at another (R9): an enrolment proves a new authenticator.
    attempts:
      event.purpose === 'login'
        ? listenedTo(refunded(state, event) ?? recovered(state, event.method, event.device), event.method)
        : state.attempts,
    factors: event.step === undefined ? state.factors : rememberStep(state, event.authenticatorId, event),
    knownDevices: event.purpose === 'login' ? rememberBrowser(state.knownDevices, event.device) : state.knownDevices,
  }),

  'challenge.denied': (state, event) => {
    const denied = {
      ...close(state, event.key, 'denied', event.attemptId),
      attempts: refunded(state, event) ?? state.attempts,
      factors: event.step === undefined ? state.factors : rememberStep(state, event.authenticatorId, event),
    };
    if (event.fraud === undefined) return denied;
    const { quietUntil } = event;
    const quiet =
      quietUntil === undefined ? denied : { ...denied, quietUntil, attempts: silenced(denied.attempts, quietUntil) };
    return reported(quiet, { ...event, blocks: event.fraud === 'blocks' });
  },

  'challenge.claimed': (state, { key }) => ({
    ...state,
    closed: state.closed.map((one) => (one.key === key ? { ...one, claimed: true } : one)),
  }),

  'pin.tried': (state, { method, lane, attempts }) => withAttempts(state, method, lane, attempts),

  'code.rejected': (state, { key, method, lane, attempts, spent }) => ({
    ...triedOnce(state, key),
    attempts: { ...state.attempts, [method]: { ...state.attempts[method], [lane]: attempts } },
    factors: spent === undefined ? state.factors : rememberStep(state, spent.authenticatorId, spent),
  }),

  'assertion.rejected': (state, { key }) => triedOnce(state, key),

  'invitation.accepted': (state, event) => ({
    ...state,
    invitations: newestInvitations(state.invitations ?? [], event.key, event.issuedAt),
    factors: event.step === undefined ? state.factors : rememberStep(state, event.authenticatorId, event),
    knownDevices: rememberBrowser(state.knownDevices, event.device),
  }),

  'password.tried': (state, { lane, attempts }) => withAttempts(state, 'password', lane, attempts),
  'password.accepted': (state, { lane, attempts }) => withAttempts(state, 'password', lane, attempts),

  'password.rejected': (state) => state,
  'identity.accepted': (state) => state,

  // What was tried at the code before says nothing of this one; a whole budget for each is far too few for 60 bits.
  'enrolment.granted': (state, { codeMac, expiresAt, at }) => {
    const { 'access-code': _ofTheLast, ...attempts } = state.attempts;
    return { ...state, attempts, enrolment: { codeMac, expiresAt }, newcomersOutAt: at };
  },
  'enrolment.withdrawn': withoutEnrolment,
  'enrolment.used': withoutEnrolment,
  'enrolment.rejected': (state, { attempts }) => withAttempts(state, 'access-code', 'anywhere', attempts),

  'fraud.reported': (state, { at }) => reported(state, { at, attemptId: '', blocks: true }),
  'session.ended': (state, { at }) => ({ ...state, signedOutAt: at }),

  'code.resent': (state, { key, codeMac, expiresAt, at }) => ({
    ...state,
    open: state.open.map((challenge) => {
      if (challenge.key !== key) return challenge;
      const { codeMac: _void, ...kept } = challenge;
      const sent = { ...kept, sends: challenge.sends + 1, sentAt: at, expiresAt };
      return codeMac === undefined ? sent : { ...sent, codeMac };
    }),
  }),

  'challenge.cancelled': (state, { key, attemptId }) => close(state, key, 'cancelled', attemptId),

  'bypass.granted': (state, { expiresAt, by }) => ({ ...state, bypass: { expiresAt, by: shorten(by) } }),

  'bypass.used': (state, { key, applicationId, attemptId, expiresAt }) => {
    const { bypass: _used, ...rest } = state;
    const closed = { key, applicationId, method: 'bypass', state: 'approved', expiresAt, attemptId } as const;
    return { ...rest, closed: rememberClosed(state.closed, closed) };
  },

  'user.blocked': (state, { reason, by, at }) => {
    const { bypass: _withdrawn, enrolment: _too, ...rest } = state;
    return {
      ...rest,
      open: state.open.map(voided),
      blocked: { reason: shorten(reason), by: shorten(by), at },
      signedOutAt: at,
    };
  },

  'user.unblocked': (state) => {
    const { blocked: _lifted, quietUntil: _too, pushBlocked, ...rest } = state;
    if (pushBlocked === undefined) return rest;
    // What was asked for meanwhile was paid for, and not sent.
    const { app: _unsent, ...attempts } = state.attempts;
    return { ...rest, attempts };
  },

  'user.disabled': (state, { at }) => {
    const { bypass: _withdrawn, enrolment: _too, ...rest } = state;
    return { ...rest, open: state.open.map(voided), disabled: true, signedOutAt: at };
  },

  'user.enabled': (state) => {
    const { disabled: _lifted, ...rest } = state;
    return rest;
  },

  'authenticator.removed': (state, { authenticatorId, at }) => ({
    ...state,
    newcomersOutAt: at,
    open: state.open.map((challenge) =>
      challenge.authenticatorId === authenticatorId ? voided(challenge) : challenge,
    ),
    factors: Object.fromEntries(Object.entries(state.factors).filter(([id]) => id !== authenticatorId)),
    removed: newestFirst(state.removed, shortId(authenticatorId), MAX_REMOVED),
  }),
};

/** One prompt at a time for one application: the newest is the one that the person sees on the other screen (R22). */
function superseding(state: UserState, { method, purpose, applicationId }: OpenChallenge): UserState {
  if (method !== 'app' || purpose !== 'login') return state;
  const before = state.open.filter(
    (one) => one.method === 'app' && one.purpose === 'login' && one.applicationId === applicationId,
  );
  return before.reduce((rest, one) => ({ ...rest, ...ended(rest, one, 'cancelled', '') }), state);
}

/** Somebody else is at it with the person's password: no other login that is under way goes on. */
function reported(state: UserState, { at, attemptId, blocks }: { at: number; attemptId: string; blocks: boolean }) {
  const logins = state.open.filter(({ purpose }) => purpose === 'login');
  const over = logins.reduce((rest, one) => ({ ...rest, ...ended(rest, one, 'denied', attemptId) }), state);
  return { ...over, signedOutAt: at, ...(blocks && { pushBlocked: state.pushBlocked ?? at }) };
}

/** What a start took the place of: open before, and cancelled since. */
export function displacedBy(before: UserState, { closed }: UserState): OpenChallenge[] {
  const cancelled = closed.filter(({ state }) => state === 'cancelled').map(({ key }) => key);
  return before.open.filter(({ key }) => cancelled.includes(key));
}

/** Which budget a challenge draws on. */
export function laneOf(state: UserState, browser: string | undefined): LaneName {
  return browser !== undefined && state.knownDevices.includes(browser) ? 'knownDevice' : 'anywhere';
}

/** The unspent budget stands for one that was never written. */
export function attemptsOf(state: UserState, factor: BudgetFactor, lane: LaneName) {
  return state.attempts[factor]?.[lane] ?? UNSPENT;
}

function withAttempts(state: UserState, factor: BudgetFactor, lane: LaneName, attempts: AttemptLane): UserState {
  return { ...state, attempts: { ...state.attempts, [factor]: { ...state.attempts[factor], [lane]: attempts } } };
}

function triedOnce(state: UserState, key: string): UserState {
  return {
    ...state,
    open: state.open.map((challenge) =>
      challenge.key === key ? { ...challenge, tries: (challenge.tries ?? 0) + 1 } : challenge,
    ),
  };
}

function withoutEnrolment(state: UserState): UserState {
  const { enrolment: _gone, ...rest } = state;
  return rest;
}

/**
 * A full list gives up the challenge that is worth least: one that is dead anyway, else the oldest from an unknown browser, so
 * that somebody who knows only a name cannot push out what the owner opened from a known one (R10) or an enrolment. Nor what waits on
 * a phone: prompts have a budget, and starts of other methods have none (R22). Of two from unknown browsers it does not matter whether one is
 * void, or who asks could tell who is blocked by what goes first (R21).
 */
function makeRoom(state: UserState, now: number): Pick<UserState, 'open' | 'closed'> {
  if (state.open.length < MAX_OPEN) return state;
  const worth = (challenge: OpenChallenge) => {
    if (challenge.expiresAt <= now) return 0;
    const isFromAnywhere = challenge.purpose === 'login' && laneOf(state, challenge.device) === 'anywhere';
    if (isFromAnywhere) return challenge.method === 'app' ? 2 : 1;
    return challenge.void === true ? 0 : 3;
  };
  const least = Math.min(...state.open.map(worth));
  const victim = state.open.find((challenge) => worth(challenge) === least);
  return victim === undefined ? state : ended(state, victim, victim.expiresAt <= now ? 'expired' : 'cancelled', '');
}

function close(
  state: UserState,
  key: string,
  as: 'approved' | 'denied' | 'cancelled',
  attemptId: string,
  more: Pick<ClosedChallenge, 'approvedAt'> = {},
): UserState {
  const challenge = state.open.find((candidate) => candidate.key === key);
  return challenge === undefined ? state : { ...state, ...ended(state, challenge, as, attemptId, more) };
}

function isInApp({ method, purpose }: { method: Method; purpose: Purpose }): boolean {
  return method === 'app' && purpose === 'login';
}

function ended(
  { open, closed }: UserState,
  challenge: OpenChallenge,
  as: ClosedChallenge['state'],
  attemptId: string,
  more: Pick<ClosedChallenge, 'approvedAt'> = {},
): Pick<UserState, 'open' | 'closed'> {
  const { key, applicationId, purpose, method, expiresAt, asker } = challenge;
  const end = {
    key,
    applicationId,
    method,
    state: as,
    expiresAt,
    attemptId,
    ...(purpose === 'enrol' && { purpose }),
    ...(asker !== undefined && as === 'approved' && { asker }),
    ...more,
  };
  return { open: open.filter((candidate) => candidate !== challenge), closed: rememberClosed(closed, end) };
}

/**
 * An approval is forgotten last: any other end can be brought about by somebody who knows only a name, and once forgotten, a
 * start that is delivered twice would open the same challenge again (INV-5).
 */
function rememberClosed(closed: ClosedChallenge[], latest: ClosedChallenge): ClosedChallenge[] {
  if (closed.length < MAX_CLOSED) return [...closed, latest];
  const victim = closed.find((candidate) => candidate.state !== 'approved') ?? closed[0];
  return [...closed.filter((candidate) => candidate !== victim), latest];
}

function spent({ attempts }: UserState, { lane, attempts: left }: { lane: LaneName; attempts: AttemptLane }) {
  return { ...attempts, app: { ...attempts.app, [lane]: left } };
}

/**
 * Whoever got in is there, and may be asked in the app again. Only an approval in the app says that prompts are theirs: otherwise somebody
 * who logs in by codes all day would be asked by a stranger all day (R9, R22).
 */
function listenedTo(attempts: UserState['attempts'], method: Method): UserState['attempts'] {
  const { app } = attempts;
  if (app === undefined) return attempts;
  const lanes = Object.fromEntries(
    Object.entries(app).map(([lane, left]) => [lane, method === 'app' ? recover(left) : { ...left, waitUntil: 0 }]),
  );
  return { ...attempts, app: lanes };
}

/** No prompt before, from wherever. What an app-server of the release before heeds; a login ends it there. */
function silenced(attempts: UserState['attempts'], until: number): UserState['attempts'] {
  const lanes = LANES.map((lane) => {
    const left = attempts.app?.[lane] ?? UNSPENT;
    return [lane, { ...left, waitUntil: Math.max(left.waitUntil, until) }] as const;
  });
  return { ...attempts, app: Object.fromEntries(lanes) };
}

function refunded(
  state: UserState,
  { method, refund }: { method: Method; refund?: Refund },
): UserState['attempts'] | undefined {
  return refund === undefined ? undefined : withAttempts(state, method, refund.lane, refund.attempts).attempts;
}

function recovered(state: UserState, method: Method, device: string | undefined): UserState['attempts'] {
  const { attempts } = state;
  const lane = laneOf(state, device);
  const spent = attempts[method]?.[lane];
  return spent === undefined ? attempts : { ...attempts, [method]: { ...attempts[method], [lane]: recover(spent) } };
}

/** One record an authenticator, and the step never goes back (INV-2). The drift follows successes only (OATH-22). */
function rememberStep(
  { factors }: UserState,
  authenticatorId: string,
  { step = 0, driftSteps }: { step?: number; driftSteps?: number },
): UserState['factors'] {
  const { [authenticatorId]: before, ...others } = factors;
  const record = {
    lastStep: Math.max(step, before?.lastStep ?? 0),
    driftSteps: driftSteps ?? before?.driftSteps ?? 0,
  };
  return Object.fromEntries([...Object.entries(others), [authenticatorId, record] as const].slice(-MAX_FACTORS));
}

/** The one given up is the oldest: no older one counts from then on, so that it cannot be used again. */
function newestInvitations(accepted: AcceptedInvitation[], key: string, issuedAt: number): AcceptedInvitation[] {
  const latest: AcceptedInvitation = [shortInvitation(key), issuedAt];
  return [...accepted, latest].toSorted(([, one], [, other]) => one - other).slice(-MAX_INVITATIONS);
}

function rememberBrowser(known: string[], browser: string | undefined): string[] {
  return browser === undefined ? known : newestFirst(known, browser, MAX_KNOWN_BROWSERS);
}

function newestFirst(list: string[], newest: string, count: number): string[] {
  return [newest, ...list.filter((other) => other !== newest)].slice(0, count);
}

function voided(challenge: OpenChallenge): OpenChallenge {
  const { codeMac: _gone, ...rest } = challenge;
  return { ...rest, void: true };
}

/** As much of a text as fits; the bound counts what it takes as JSON, where a control character is six bytes. */
function shorten(text: string): string {
  let kept = '';
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(JSON.stringify(character)) - 2;
    if (bytes > MAX_TEXT_BYTES_IN_STATE) break;
    kept += character;
  }
  return kept;
}
