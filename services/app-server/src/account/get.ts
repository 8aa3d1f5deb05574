import {
  METHODS,
  type AccountView,
  type Factor,
  type FactorType,
  type InputOf,
  type Method,
  type accountGet,
} from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { preferred } from '../challenge/method.ts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { RelyingParty } from '../passkey/relying-party.ts';
import { pinView } from '../pin/view.ts';
import { freshUntil } from '../session/opened.ts';
import { factorsOf } from './factors.ts';
import { mayDo, servedBy } from './may.ts';
import { personOf, type Person, type PersonDependencies } from './person.ts';

export interface AccountDependencies extends PersonDependencies {
  router: Router;
  ring: KeyRing;
  relyingParty: RelyingParty | undefined;
  deviceUrl: string | undefined;
}

/** By which method one signs in with what one has. */
const FACTOR_OF: Record<Method, FactorType> = {
  passkey: 'passkey',
  app: 'app',
  totp: 'totp',
  sms: 'phone',
  recovery: 'recovery',
};

/**
 * Everything about oneself.
 * @throws MfaError SIGN_IN_NEEDED, UNAVAILABLE.
 */
export async function get(
  deps: AccountDependencies,
  { access }: InputOf<typeof accountGet>,
  request: AuthorisedRequest,
): Promise<AccountView> {
  return viewAccount(deps, await personOf(deps, access, 'newcomer', request));
}

/** @param options.from `primary` when what was just written must be there. */
export async function viewAccount(
  deps: AccountDependencies,
  { user, state, access, policy }: Person,
  options: { from?: 'primary' } = {},
): Promise<AccountView> {
  const factors = await factorsOf(deps, user.userId, state, options);
  const pin = access.level === 'full' ? pinView(user.pin, policy, deps.policies.wantPin(), deps.now()) : undefined;
  return {
    userId: user.userId,
    username: user.username,
    ...(user.displayName !== undefined && { displayName: user.displayName }),
    ...(user.language !== undefined && { language: user.language }),
    level: access.level,
    freshUntil: new Date(freshUntil(access, policy.portal)).toISOString(),
    factors,
    methods: methodsOf(factors, preferred(policy.methods.order, policy.portal.chooseMethod ? user.methods : undefined)),
    ...(pin !== undefined && { pin }),
    may: mayDo(policy, access, factors, servedBy(deps)),
  };
}

/** Those that somebody with these factors can sign in by. */
function methodsOf(factors: readonly Factor[], order: readonly Method[]): Method[] {
  const has = new Set(factors.filter(({ state }) => state === 'active').map(({ type }) => type));
  return order.filter((method) => METHODS.includes(method) && has.has(FACTOR_OF[method]));
}
