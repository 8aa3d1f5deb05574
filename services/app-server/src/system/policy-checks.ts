import { METHODS, type Check, type Method, type Policy } from '@countersign/contracts';
import { effectivePolicy, type StoredPolicy } from '../policy/effective.ts';

const YEAR_SECONDS = 365 * 86_400;
/** R4: what a year of guessing at one account may bring, on every factor and from everywhere. */
const GUESS_BOUND = 0.01;
/** AAL-24: of a password that is part of several factors. */
const SHORTEST_PIN = 8;

/** Looks at the policies in force: global, and of each application that has one of its own. */
export function checkPolicies(
  policies: { layers(applicationId: string | undefined): StoredPolicy[] },
  scopes: readonly string[],
  carriers: readonly string[],
): Check[] {
  const applications = scopes.filter((scope) => scope !== 'global');
  const everywhere = [undefined, ...applications].flatMap((applicationId) => {
    const name = applicationId === undefined ? 'policy.global' : `policy.${applicationId}`;
    const option = applicationId === undefined ? '' : ` --application ${applicationId}`;
    return findings(effectivePolicy(policies.layers(applicationId)), carriers, option).map((finding) => ({
      name,
      ...finding,
    }));
  });
  if (everywhere.length > 0) return everywhere;
  const count = applications.length === 0 ? 'no application has' : `${applications.length} application(s) have`;
  return [{ name: 'policy', level: 'ok', detail: `sane; ${count} one of their own` }];
}

type Finding = Omit<Check, 'name'>;
type Rule = (policy: Policy, carriers: readonly string[], option: string) => Finding | undefined;

/** What a schema allows and an administrator should know. */
const RULES: readonly Rule[] = [
  (policy, _carriers, option) => {
    const chance = yearlyGuessChance(policy);
    if (chance < GUESS_BOUND) return undefined;
    return {
      level: 'fail',
      detail: `guessing at one account for a year succeeds with a chance of ${(chance * 100).toFixed(1)} %`,
      advice: `Lower attempts or the totp window, or raise code.digits: countersign policy explain attempts${option}`,
    };
  },
  ({ methods: { order } }, carriers) => {
    if (!order.includes('sms') || carriers.length > 0) return undefined;
    return {
      level: order.length === 1 ? 'fail' : 'warn',
      detail: 'sms is allowed, and no carrier is configured',
      advice: 'Set COUNTERSIGN_CARRIERS_FILE of every app-server, or take sms out of methods.order.',
    };
  },
  ({ messages }, carriers) => {
    const unknown = messages.carriers.filter((name) => !carriers.includes(name));
    if (unknown.length === 0) return undefined;
    const none = unknown.length === messages.carriers.length;
    return {
      level: none ? 'fail' : 'warn',
      detail: `messages.carriers names ${unknown.join(', ')}, which this replica does not have`,
      advice: 'Correct the name, or add the carrier to COUNTERSIGN_CARRIERS_FILE of every app-server.',
    };
  },
  ({ pin: { methods, minLength, allowWeak } }, _carriers, option) => {
    if (methods.length === 0) return undefined;
    const isShort = minLength < SHORTEST_PIN;
    const how = [isShort ? `of ${minLength} digits` : '', allowWeak ? 'that anybody would try first' : ''].filter(
      Boolean,
    );
    return {
      level: 'warn',
      detail:
        `pin.methods is on: a PIN${how.length === 0 ? '' : ` ${how.join(', ')}`} is a password that is sent to us, and adds no factor (AAL-24). ` +
        'It is meant for the time of a migration',
      advice: `Prefer passkeys, and end it with: countersign policy unset pin.methods${option}`,
    };
  },
  ({ users }, _carriers, option) => {
    if (users.unknown === 'decoy') return undefined;
    return {
      level: 'warn',
      detail: 'users.unknown is refuse: whoever may start a challenge learns which names exist',
      advice: `Back to the default with: countersign policy unset users.unknown${option}`,
    };
  },
];

function findings(policy: Policy, carriers: readonly string[], option: string): Finding[] {
  return RULES.flatMap((rule) => rule(policy, carriers, option) ?? []);
}

/** What one guess is held against. An app's code counts as 6 digits, the fewest there are. */
const CHANCE_OF_A_GUESS: Readonly<Record<Method, (policy: Policy) => number>> = {
  // Nobody guesses a signature, or 60 bits.
  passkey: () => 0,
  recovery: () => 0,
  totp: ({ totp }) => (totp.pastSteps + 1 + totp.futureSteps) / 10 ** 6,
  sms: ({ code }) => 1 / 10 ** code.digits,
  // Nobody can type it who has not the key of the phone.
  app: () => 0,
};

/**
 * An upper bound of the chance that somebody who guesses for a year gets in to one account (R4): every guess that the buckets
 * hold and gain in a year, from known browsers and elsewhere, on every method allowed. attempts.test.ts plays the same year.
 */
export function yearlyGuessChance(policy: Policy): number {
  const { anywhere, knownDevice } = policy.attempts;
  const guesses = [anywhere, knownDevice].reduce(
    (sum, { burst, refillSeconds }) => sum + burst + YEAR_SECONDS / refillSeconds,
    0,
  );
  return METHODS.filter((method) => policy.methods.order.includes(method)).reduce(
    (sum, method) => sum + guesses * CHANCE_OF_A_GUESS[method](policy),
    0,
  );
}
