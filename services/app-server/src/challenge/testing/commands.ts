import { DEFAULT_POLICY, type Policy } from '@countersign/contracts';
import type { Decision, Match, ResendCommand, StartCommand, VerifyCommand } from '../decide.ts';
import type { DatedEvent, UserEvent } from '../events.ts';
import { evolve } from '../evolve.ts';
import { INITIAL_STATE, type UserState } from '../state.ts';

/** Commands as the use cases make them, for tests that change what matters to them. */

export const APPLICATION = '0f8fad5b-d9cb-469f-a165-70867728950e';
export const OTHER_APPLICATION = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
export const TOKEN = '1b4e28ba-2fa1-4d9a-8f1c-0c2d7f3a9e11';
export const PHONE = '9b2f1c64-5a3e-4d0b-8e7f-3c1d2b4a5968';
export const START_OF_TEST = Date.UTC(2026, 10, 23, 9, 30);
export const PERIOD_MS = 30_000;

export function stepAt(now: number): number {
  return Math.floor(now / PERIOD_MS);
}

/** 22 characters, as 16 random bytes would give. */
export function keyOf(name: string): string {
  return Buffer.from(name.padEnd(16, '.').slice(0, 16)).toString('base64url');
}

export function start(name: string, overrides: Partial<StartCommand> = {}): StartCommand {
  return {
    key: keyOf(name),
    applicationId: APPLICATION,
    purpose: 'login',
    method: 'totp',
    digits: 6,
    lifeMs: 300_000,
    attempts: DEFAULT_POLICY.attempts,
    cost: 1,
    attemptId: `start ${name}`,
    reveal: false,
    ...overrides,
  };
}

export function startSms(name: string, overrides: Partial<StartCommand> = {}): StartCommand {
  return start(name, { method: 'sms', authenticatorId: PHONE, codeMac: macOf(name, 1), ...overrides });
}

export function macOf(name: string, sends: number): string {
  return keyOf(`${name}#${sends}`);
}

export function verify(name: string, matches: Match[], overrides: Partial<VerifyCommand> = {}): VerifyCommand {
  return {
    key: keyOf(name),
    applicationId: APPLICATION,
    purpose: 'login',
    attemptId: `verify ${name}`,
    code: '123456',
    otherDigits: [],
    attempts: DEFAULT_POLICY.attempts,
    cost: 1,
    floor: { at: 0 },
    matches: () => matches,
    ...overrides,
  };
}

/** What a right TOTP code matches. */
export function totpMatch(step: number, overrides: Partial<NonNullable<Match['totp']>> = {}, id = TOKEN): Match {
  const totp = { step, driftSteps: 0, periodSeconds: 30, createdAt: 0, futureSteps: 1, maxDriftSteps: 2 };
  return { authenticatorId: id, totp: { ...totp, ...overrides } };
}

/** Holds an SMS code against a challenge, as match.ts does. */
export function smsMatches(name: string, sends: number): VerifyCommand['matches'] {
  return ({ codeMac, authenticatorId }) =>
    codeMac === macOf(name, sends) && authenticatorId !== undefined ? [{ authenticatorId }] : [];
}

export function cancel(name: string) {
  return { key: keyOf(name), applicationId: APPLICATION, purpose: 'login' as const, attemptId: `cancel ${name}` };
}

export function resend(name: string, overrides: Partial<ResendCommand> = {}): ResendCommand {
  return {
    ...cancel(name),
    attemptId: `resend ${name}`,
    codeMacFor: (sends) => macOf(name, sends + 1),
    messages: DEFAULT_POLICY.messages,
    lifeMs: 300_000,
    ...overrides,
  };
}

/** A user's history: what was decided is appended, and a refusal is thrown. */
export class Story {
  now = START_OF_TEST;
  state: UserState = INITIAL_STATE;
  readonly events: DatedEvent[] = [];

  do<C>(decide: (state: UserState, command: C, now: number) => Decision, command: C): DatedEvent {
    const decision = decide(this.state, command, this.now);
    if ('refuse' in decision) throw decision.refuse;
    return this.append(decision.append);
  }

  append(event: UserEvent): DatedEvent {
    const dated = { ...event, at: this.now };
    this.events.push(dated);
    this.state = evolve(this.state, dated);
    return dated;
  }

  /** The code of the refusal, or the type of what was appended. */
  try<C>(decide: (state: UserState, command: C, now: number) => Decision, command: C): string {
    const decision = decide(this.state, command, this.now);
    return 'refuse' in decision ? decision.refuse.code : this.append(decision.append).type;
  }

  later(ms: number): this {
    this.now += ms;
    return this;
  }
}

/** Lets wrong codes through as fast as one likes, for stories about something else. */
export const GENEROUS: Policy['attempts'] = {
  ...DEFAULT_POLICY.attempts,
  free: 20,
  anywhere: { burst: 100, refillSeconds: 60 },
  knownDevice: { burst: 100, refillSeconds: 60 },
};
