import type { Method } from '@countersign/contracts';
import type { DatedEvent, UserEvent } from './events.ts';
import { recover, UNSPENT, type LaneName } from './attempts.ts';
import {
  MAX_CLOSED,
  MAX_FACTORS,
  MAX_KNOWN_DEVICES,
  MAX_OPEN,
  MAX_REMOVED,
  MAX_TEXT_BYTES_IN_STATE,
  shortId,
  type ClosedChallenge,
  type OpenChallenge,
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
  'challenge.started': (state, { challenge, at }) => {
    const { open, closed } = makeRoom(state, at);
    return { ...state, open: [...open, challenge], closed };
  },

  'challenge.approved': (state, event) => ({
    ...close(state, event.key, 'approved', event.attemptId),
    // A right code for one thing takes back nothing that was tried at another (R9): an enrolment proves a new authenticator.
    attempts: event.purpose === 'login' ? recovered(state, event.method, event.device) : state.attempts,
    factors: event.step === undefined ? state.factors : rememberStep(state, event.authenticatorId, event),
    knownDevices: event.purpose === 'login' ? rememberDevice(state.knownDevices, event.device) : state.knownDevices,
  }),

  'code.rejected': (state, { method, lane, attempts, spent }) => ({
    ...state,
    attempts: { ...state.attempts, [method]: { ...state.attempts[method], [lane]: attempts } },
    factors: spent === undefined ? state.factors : rememberStep(state, spent.authenticatorId, spent),
  }),

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
    const { bypass: _withdrawn, ...rest } = state;
    return { ...rest, open: state.open.map(voided), blocked: { reason: shorten(reason), by: shorten(by), at } };
  },

  'user.unblocked': (state) => {
    const { blocked: _lifted, ...rest } = state;
    return rest;
  },

  'user.disabled': (state) => {
    const { bypass: _withdrawn, ...rest } = state;
    return { ...rest, open: state.open.map(voided), disabled: true };
  },

  'user.enabled': (state) => {
    const { disabled: _lifted, ...rest } = state;
    return rest;
  },

  'authenticator.removed': (state, { authenticatorId }) => ({
    ...state,
    open: state.open.map((challenge) =>
      challenge.authenticatorId === authenticatorId ? voided(challenge) : challenge,
    ),
    factors: Object.fromEntries(Object.entries(state.factors).filter(([id]) => id !== authenticatorId)),
    removed: newestFirst(state.removed, shortId(authenticatorId), MAX_REMOVED),
  }),
};

/** Which budget a challenge draws on. */
export function laneOf(state: UserState, device: string | undefined): LaneName {
  return device !== undefined && state.knownDevices.includes(device) ? 'knownDevice' : 'anywhere';
}

/** The unspent budget stands for one that was never written. */
export function attemptsOf(state: UserState, method: OpenChallenge['method'], lane: LaneName) {
  return state.attempts[method]?.[lane] ?? UNSPENT;
}

/**
 * A full list gives up the challenge that is worth least: one that is dead anyway, else the oldest from an unknown device, so
 * that somebody who knows only a name cannot push out what the owner opened from a known one (R10) or an enrolment.
 */
function makeRoom(state: UserState, now: number): Pick<UserState, 'open' | 'closed'> {
  if (state.open.length < MAX_OPEN) return state;
  const worth = (challenge: OpenChallenge) => {
    if (challenge.void === true || challenge.expiresAt <= now) return 0;
    return challenge.purpose === 'login' && laneOf(state, challenge.device) === 'anywhere' ? 1 : 2;
  };
  const least = Math.min(...state.open.map(worth));
  const victim = state.open.find((challenge) => worth(challenge) === least);
  return victim === undefined ? state : ended(state, victim, victim.expiresAt <= now ? 'expired' : 'cancelled', '');
}

function close(state: UserState, key: string, as: 'approved' | 'cancelled', attemptId: string): UserState {
  const challenge = state.open.find((candidate) => candidate.key === key);
  return challenge === undefined ? state : { ...state, ...ended(state, challenge, as, attemptId) };
}

function ended(
  { open, closed }: UserState,
  challenge: OpenChallenge,
  as: ClosedChallenge['state'],
  attemptId: string,
): Pick<UserState, 'open' | 'closed'> {
  const { key, applicationId, purpose, method, expiresAt } = challenge;
  const end = { key, applicationId, method, state: as, expiresAt, attemptId, ...(purpose === 'enrol' && { purpose }) };
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

function rememberDevice(known: string[], device: string | undefined): string[] {
  return device === undefined ? known : newestFirst(known, device, MAX_KNOWN_DEVICES);
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
