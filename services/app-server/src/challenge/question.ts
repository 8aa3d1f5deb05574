import type { Method, Policy } from '@countersign/contracts';
import { LOOKUP_SECRET_CHARACTERS } from '@countersign/otp';
import { sourceOf } from '../device/prompt.ts';
import { LONGEST_CEREMONY_SECONDS } from '../passkey/challenge.ts';
import type { EventContext } from './events.ts';
import type { ChosenMethod } from './method.ts';
import { promptBudget } from './prompt-budget.ts';

/** What somebody is asked by one method, as the policy has it. */
export interface Question {
  /** Of an answer; 0 where there is nothing to type. */
  digits: number;
  /** How long it is waited for. */
  lifeMs: number;
  /** How many chances one guess has. */
  cost: number;
  /** What may be spent: on wrong answers, and where people are disturbed by it, on asking. */
  attempts: Policy['attempts'];
  /** The person's PIN is asked for as well. */
  pin?: true;
  /** Where the login comes from, for whoever is asked elsewhere. */
  source?: string;
}

export function questionOf(
  { method, authenticators }: ChosenMethod,
  policy: Policy,
  context: EventContext | undefined,
): Question {
  const { attempts, challenge, code, app } = policy;
  const lifeMs = challenge.lifeSeconds * 1000;
  const source = sourceOf(context);
  const questions: Record<Method, Question> = {
    totp: { digits: authenticators[0]?.digits ?? 6, lifeMs, cost: Math.max(1, authenticators.length), attempts },
    sms: { digits: code.digits, lifeMs: code.lifeSeconds * 1000, cost: 1, attempts },
    passkey: { digits: 0, lifeMs: Math.min(lifeMs, LONGEST_CEREMONY_SECONDS * 1000), cost: 1, attempts },
    app: {
      digits: app.digits,
      lifeMs: app.lifeSeconds * 1000,
      cost: 1,
      attempts: promptBudget(app),
      ...(source !== undefined && { source }),
    },
    recovery: { digits: LOOKUP_SECRET_CHARACTERS, lifeMs, cost: 1, attempts },
  };
  return { ...questions[method], ...(wantsPin(policy, method) && { pin: true }) };
}

/** By the policy alone: whether somebody has a PIN, nobody is told who only knows a name (R21). */
function wantsPin({ pin }: Policy, method: Method): boolean {
  const asking: readonly Method[] = pin.methods;
  return asking.includes(method);
}
