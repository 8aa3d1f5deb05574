import { DEFAULT_POLICY } from '@countersign/contracts';
import fc from 'fast-check';
import { decideCancel, decideResend, decideStart, decideVerify, type Decision, type Match } from '../decide.ts';
import type { DatedEvent, UserEvent } from '../events.ts';
import type { OpenChallenge, UserState } from '../state.ts';
import {
  APPLICATION,
  cancel,
  keyOf,
  macOf,
  OTHER_APPLICATION,
  PHONE,
  resend,
  start,
  startSms,
  stepAt,
  Story,
  totpMatch,
  verify,
} from './commands.ts';

/** A small budget, so that its end is met often. */
export const ATTEMPTS = {
  ...DEFAULT_POLICY.attempts,
  free: 3,
  firstWaitSeconds: 5,
  anywhere: { burst: 6, refillSeconds: 600 },
  knownDevice: { burst: 4, refillSeconds: 600 },
};

const ADMIN: UserEvent[] = [
  { type: 'user.blocked', reason: 'because', by: 'desk' },
  { type: 'user.unblocked', reason: 'because', by: 'desk' },
  { type: 'user.disabled', by: 'desk' },
  { type: 'user.enabled', by: 'desk' },
  { type: 'bypass.granted', expiresAt: 0, reason: 'because', by: 'desk' },
  { type: 'authenticator.removed', authenticatorId: PHONE, by: 'desk' },
];

const once = fc.constant(false);
const rarely = fc.oneof({ weight: 7, arbitrary: once }, { weight: 1, arbitrary: fc.constant(true) });
const application = fc.constantFrom(APPLICATION, OTHER_APPLICATION);
const purpose = fc.constantFrom<'login' | 'enrol'>('login', 'login', 'login', 'enrol');
/** Which of the challenges so far, counted from the newest. */
const nth = fc.oneof({ weight: 6, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(20) });

const starts = fc.record({
  type: fc.constant('start' as const),
  /** The newest start, delivered twice. */
  again: rarely,
  application,
  purpose,
  // Those that are answered with a code; passkeys have histories of their own (passkey/).
  method: fc.constantFrom('totp', 'sms'),
  device: fc.constantFrom(undefined, 'home', 'work'),
});
const verifies = fc.record({
  type: fc.constant('verify' as const),
  nth,
  /** By another application, or as if an enrolment were a login. */
  astray: rarely,
  right: fc.oneof({ weight: 2, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: once }),
  token: fc.constantFrom('token one', 'token two'),
  stepsOff: fc.integer({ min: -1, max: 1 }),
  /** The code of an older message. */
  older: rarely,
  /** The code of another challenge. */
  crossed: rarely,
});
const cancels = fc.record({ type: fc.constant('cancel' as const), nth, astray: rarely });
const resends = fc.record({ type: fc.constant('resend' as const), nth, astray: rarely });
const admin = fc.record({ type: fc.constant('admin' as const), index: fc.nat(ADMIN.length - 1) });

const action = fc.oneof(
  { weight: 5, arbitrary: starts },
  { weight: 8, arbitrary: verifies },
  { weight: 1, arbitrary: cancels },
  { weight: 2, arbitrary: resends },
  { weight: 1, arbitrary: admin },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

const pauseMs = fc.oneof(fc.constant(0), fc.nat(20_000), fc.nat(300_000));
export const histories = fc.array(fc.record({ pauseMs, action }), { minLength: 1, maxLength: 80, size: 'max' });

export interface Answered {
  event: DatedEvent;
  before: UserState;
  /** The message whose code was typed. */
  smsCode?: string;
}

interface Begun {
  name: string;
  applicationId: string;
  purpose: 'login' | 'enrol';
}

/** Any user, any order of commands, two applications, three devices, two tokens and a phone; and what was answered. */
export class Recorder {
  readonly story = new Story();
  readonly answered: Answered[] = [];
  readonly refusals: string[] = [];
  /** How often a code was held against something. */
  looks = 0;
  readonly #begun: Begun[] = [];

  run(waitMs: number, what: Action): void {
    this.story.later(waitMs);
    const { state } = this.story;
    freeze(state);
    const smsCode = what.type === 'verify' ? this.#smsCode(what) : undefined;
    const decision = this.#decide(what, smsCode);
    if ('refuse' in decision) {
      this.refusals.push(decision.refuse.code);
      return;
    }
    const event = this.story.append(decision.append);
    this.answered.push({ event, before: state, ...(smsCode !== undefined && { smsCode }) });
  }

  #decide(what: Action, smsCode: string | undefined): Decision {
    const { state, now } = this.story;
    if (what.type === 'admin') return { append: adminEvent(what.index, now) };
    if (what.type === 'start') return this.#start(what);
    const { name, ...from } = this.#caller(what);
    if (what.type === 'cancel') return decideCancel(state, { ...cancel(name), ...from }, now);
    if (what.type === 'resend') return decideResend(state, resend(name, from), now);
    const matches = (challenge: OpenChallenge): Match[] => {
      this.looks += 1;
      if (challenge.method === 'totp') {
        return what.right ? [totpMatch(stepAt(now) + what.stepsOff, {}, what.token)] : [];
      }
      return what.right && challenge.codeMac === smsCode ? [{ authenticatorId: PHONE }] : [];
    };
    const attemptId = `attempt ${this.answered.length}`;
    return decideVerify(state, verify(name, [], { ...from, attempts: ATTEMPTS, attemptId, matches }), now);
  }

  #start(what: Extract<Action, { type: 'start' }>): Decision {
    const newest = this.#begun.at(-1);
    const isAgain = what.again && newest !== undefined;
    const begun = isAgain
      ? newest
      : { name: `number ${this.#begun.length}`, applicationId: what.application, purpose: what.purpose };
    if (!isAgain) this.#begun.push(begun);
    const { name, ...from } = begun;
    const build = what.method === 'sms' ? startSms : start;
    const device = what.device !== undefined && { device: what.device };
    return decideStart(this.story.state, build(name, { ...from, ...device, attempts: ATTEMPTS }), this.story.now);
  }

  #caller({ nth: index, astray }: { nth: number; astray: boolean }): Begun {
    const begun = this.#begun.at(-1 - (index % Math.max(1, this.#begun.length)));
    if (begun === undefined) return { name: 'none', applicationId: APPLICATION, purpose: 'login' };
    if (!astray) return begun;
    if (begun.purpose === 'enrol') return { ...begun, purpose: 'login' };
    return { ...begun, applicationId: begun.applicationId === APPLICATION ? OTHER_APPLICATION : APPLICATION };
  }

  #smsCode(what: Extract<Action, { type: 'verify' }>): string {
    const { name } = this.#caller({ nth: what.nth + (what.crossed ? 1 : 0), astray: false });
    const sends = this.story.state.open.find(({ key }) => key === keyOf(name))?.sends ?? 1;
    return macOf(name, Math.max(1, sends - (what.older ? 1 : 0)));
  }
}

function adminEvent(index: number, now: number): UserEvent {
  const event = ADMIN[index] ?? ({ type: 'user.enabled', by: 'desk' } as const);
  return event.type === 'bypass.granted' ? { ...event, expiresAt: now + 60_000 } : event;
}

/** Whatever is decided on a state must leave it as it is. */
function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(freeze);
}
