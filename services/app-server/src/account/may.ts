import type { AccountView, Factor, FactorType, Policy } from '@countersign/contracts';
import type { AccessFacts } from '../evidence/evidence.ts';
import type { RelyingParty } from '../passkey/relying-party.ts';
import { activeFactors } from './factors.ts';

/** What this installation has a place for. */
export interface Served {
  passkeys: boolean;
  apps: boolean;
}

/** Passkeys are made for a portal, and apps reach us at a place of their own. */
export function servedBy({
  relyingParty,
  deviceUrl,
}: {
  relyingParty: RelyingParty | undefined;
  deviceUrl: string | undefined;
}): Served {
  return { passkeys: relyingParty !== undefined, apps: deviceUrl !== undefined };
}

/**
 * What the policy, and how far they are signed in, let a person do: the switches of the portal in one place. The page shows no more, and
 * every operation asks again here.
 */
export function mayDo(
  { portal, users, app }: Pick<Policy, 'portal' | 'users' | 'app'>,
  { level }: Pick<AccessFacts, 'level'>,
  factors: readonly Factor[],
  served: Served,
): AccountView['may'] {
  const isNewcomer = level === 'enrolment';
  const active = activeFactors(factors);
  const apps = factors.filter(({ type }) => type === 'app').length;
  const phones = factors.filter(({ type }) => type === 'phone').length;
  const isFull = factors.filter(({ type }) => type !== 'recovery').length >= users.maxAuthenticators;
  const fits: Record<FactorType, boolean> = {
    totp: !isFull,
    phone: !isFull && phones < portal.maxPhones,
    app: !isFull && served.apps && apps < app.maxDevices,
    passkey: !isFull && served.passkeys,
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
