import type { DatedEvent, UserEvent } from './events.ts';
import { recover, UNSPENT } from './attempts.ts';
import {
  MAX_CLOSED,
  MAX_FACTORS,
  MAX_KNOWN_DEVICES,
  MAX_OPEN,
  MAX_REASON_IN_STATE,
  MAX_REMOVED,
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

  'challenge.approved': (state, event) => {
    const next = close(state, event.key, 'approved', event.attemptId);
    const lanes = state.attempts[event.method];
    const name = laneOf(state, event.device);
    return {
      ...next,
      attempts:
        lanes?.[name] === undefined
          ? state.attempts
          : { ...state.attempts, [event.method]: { ...lanes, [name]: recover(lanes[name]) } },
      factors: event.step === undefined ? state.factors : rememberStep(state, event.authenticatorId, event.step, event),
      knownDevices: event.purpose === 'login' ? rememberDevice(state.knownDevices, event.device) : state.knownDevices,
    };
  },

  'code.rejected': (state, { method, lane, attempts }) => ({
    ...state,
    attempts: { ...state.attempts, [method]: { ...state.attempts[method], [lane]: attempts } },
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

  'bypass.used': (state, event) => {
    const { bypass: _used, ...rest } = state;
    return {
      ...rest,
      closed: lastOf(
        [
          ...state.closed,
          {
            key: event.key,
            applicationId: event.applicationId,
            method: 'bypass',
            state: 'approved',
            expiresAt: event.expiresAt,
            attemptId: event.attemptId,
          },
        ],
        MAX_CLOSED,
      ),
    };
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
    factors: state.factors.filter((factor) => factor.authenticatorId !== authenticatorId),
    removed: [authenticatorId, ...state.removed.filter((id) => id !== authenticatorId)].slice(0, MAX_REMOVED),
  }),
};

/** Which budget a challenge draws on. */
export function laneOf(state: UserState, device: string | undefined): 'anywhere' | 'knownDevice' {
  return device !== undefined && state.knownDevices.includes(device) ? 'knownDevice' : 'anywhere';
}

/** The unspent budget stands for one that was never written. */
export function attemptsOf(state: UserState, method: OpenChallenge['method'], lane: 'anywhere' | 'knownDevice') {
  return state.attempts[method]?.[lane] ?? UNSPENT;
}

/**
 * A full list gives up the challenge that is worth least: one that is dead anyway, else the oldest from an unknown device, so
 * that somebody who knows only a name cannot push out what the owner opened from a known one (R10).
 */
function makeRoom(state: UserState, now: number): { open: OpenChallenge[]; closed: ClosedChallenge[] } {
  if (state.open.length < MAX_OPEN) return state;
  const worth = (challenge: OpenChallenge) => {
    if (challenge.void === true || challenge.expiresAt <= now) return 0;
    return laneOf(state, challenge.device) === 'anywhere' ? 1 : 2;
  };
  const least = Math.min(...state.open.map(worth));
  const victim = state.open.find((challenge) => worth(challenge) === least);
  if (victim === undefined) return state;
  return {
    open: state.open.filter((challenge) => challenge !== victim),
    closed: lastOf([...state.closed, ended(victim, victim.expiresAt <= now ? 'expired' : 'cancelled', '')], MAX_CLOSED),
  };
}

function close(state: UserState, key: string, as: 'approved' | 'cancelled', attemptId: string): UserState {
  const challenge = state.open.find((candidate) => candidate.key === key);
  if (challenge === undefined) return state;
  return {
    ...state,
    open: state.open.filter((candidate) => candidate !== challenge),
    closed: lastOf([...state.closed, ended(challenge, as, attemptId)], MAX_CLOSED),
  };
}

function ended(challenge: OpenChallenge, as: ClosedChallenge['state'], attemptId: string): ClosedChallenge {
  const { key, applicationId, method, expiresAt } = challenge;
  return { key, applicationId, method, state: as, expiresAt, attemptId };
}

/** One record an authenticator, and the step never goes back (INV-2). */
function rememberStep(
  state: UserState,
  authenticatorId: string,
  step: number,
  { driftSteps = 0 }: { driftSteps?: number },
): UserState['factors'] {
  const others = state.factors.filter((factor) => factor.authenticatorId !== authenticatorId);
  const before = state.factors.find((factor) => factor.authenticatorId === authenticatorId);
  return lastOf(
    [...others, { authenticatorId, lastStep: Math.max(step, before?.lastStep ?? step), driftSteps }],
    MAX_FACTORS,
  );
}

function rememberDevice(known: string[], device: string | undefined): string[] {
  if (device === undefined) return known;
  return [device, ...known.filter((other) => other !== device)].slice(0, MAX_KNOWN_DEVICES);
}

function voided(challenge: OpenChallenge): OpenChallenge {
  const { codeMac: _gone, ...rest } = challenge;
  return { ...rest, void: true };
}

function lastOf<T>(list: T[], count: number): T[] {
  return list.slice(-count);
}

function shorten(text: string): string {
  return Array.from(text).slice(0, MAX_REASON_IN_STATE).join('');
}
