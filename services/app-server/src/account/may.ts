import type { AccountView, Factor, FactorType, Policy } from '@countersign/contracts';
import type { AccessFacts } from '../evidence/evidence.ts';
import { activeFactors } from './factors.ts';

/**
 * What the policy, and how far they are signed in, let a person do: the switches of the portal in one place. The page shows no more, and
 * every operation asks again here.
 */
export function mayDo(
  { portal, users }: Pick<Policy, 'portal' | 'users'>,
  { level }: Pick<AccessFacts, 'level'>,
  factors: readonly Factor[],
  hasRelyingParty: boolean,
): AccountView['may'] {
  const isNewcomer = level === 'enrolment';
  const active = activeFactors(factors);
  const phones = factors.filter(({ type }) => type === 'phone').length;
  const isFull = factors.filter(({ type }) => type !== 'recovery').length >= users.maxAuthenticators;
  const fits: Record<FactorType, boolean> = {
    totp: !isFull,
    phone: !isFull && phones < portal.maxPhones,
    passkey: !isFull && hasRelyingParty,
    // They replace nothing that was not there.
    recovery: !isNewcomer && active.length > 0,
  };
  // Who may enrol the first factor, and has it by now, signs in with it.
  const enrol = isNewcomer && active.length > 0 ? [] : portal.enrol.filter((type) => fits[type]);
  return {
    enrol,
    remove: portal.remove && !isNewcomer,
    rename: portal.rename && !isNewcomer,
    chooseMethod: portal.chooseMethod && !isNewcomer,
    chooseLanguage: portal.chooseLanguage,
    bypassSeconds: isNewcomer ? 0 : portal.bypassSeconds,
    seeHistory: portal.history && !isNewcomer,
  };
}
