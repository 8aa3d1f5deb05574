import { METHODS, METHODS_ON_REQUEST, type Method } from '@countersign/contracts';
import type { LoginPasskey } from '../passkey/assertion.ts';
import type { RecoverySet } from '../recovery/store.ts';
import type { LoginAuthenticator, LoginUser } from '../user/store.ts';

/** Which authenticators answer by which method. */
const AUTHENTICATOR_OF: Partial<Record<Method, LoginAuthenticator['type']>> = {
  totp: 'totp',
  sms: 'phone',
  app: 'app',
};

export interface ChosenMethod {
  method: Method;
  /** Codes that can answer by it come from these. */
  authenticators: LoginAuthenticator[];
  /** Passkeys that can answer by it. */
  passkeys: readonly LoginPasskey[];
  /** The set of recovery codes that can answer by it. */
  recovery: RecoverySet | undefined;
  /** Nothing can answer: a challenge that looks like any other. */
  decoy: boolean;
  alternatives: Method[];
}

/**
 * How a user will be asked. Somebody who does not exist, or who has nothing to answer with, is asked as well: in a way that
 * stays the same for the name, so that asking twice tells nothing (R21).
 * @param has what there is besides authenticators: passkeys that fit the relying party and the policy, and recovery codes.
 * @param order the allowed methods, best first, and only those that the caller can take.
 * @param requested one of `order`, or undefined.
 * @param disguise 1 byte that depends on the name and a key.
 */
export function chooseMethod(
  user: LoginUser | undefined,
  has: { passkeys: readonly LoginPasskey[]; recovery: RecoverySet | undefined },
  order: readonly Method[],
  requested: Method | undefined,
  disguise: number,
): ChosenMethod {
  const active = user?.authenticators.filter(({ state }) => state === 'active') ?? [];
  const able = (method: Method) => active.filter(({ type }) => type === AUTHENTICATOR_OF[method]);
  const keys = (method: Method) => (user !== undefined && method === 'passkey' ? has.passkeys : []);
  const codes = (method: Method) => (user !== undefined && method === 'recovery' ? has.recovery : undefined);
  const isAble = (method: Method) => able(method).length + keys(method).length > 0 || codes(method) !== undefined;
  const real = order.filter(isAble);
  const shown = real.length > 0 ? real : disguised(order, disguise);
  // Who still has another way keeps the codes for the day on which there is none.
  const method = requested ?? shown.find((one) => one !== 'recovery') ?? shown[0] ?? METHODS[0];
  return {
    method,
    authenticators: able(method),
    passkeys: keys(method),
    recovery: codes(method),
    decoy: !isAble(method),
    alternatives: shown.filter((other) => other !== method),
  };
}

/** How somebody is asked who is not to be asked in this way: by the next of those that they were shown, as far as there is one. */
export function insteadOf({ alternatives }: ChosenMethod): Method | undefined {
  return alternatives.find((one) => one !== 'recovery') ?? alternatives[0];
}

/** As the person wants to be asked, of what is allowed; what they did not name comes after. */
export function preferred(order: readonly Method[], wanted: readonly Method[] | undefined): readonly Method[] {
  if (wanted === undefined) return order;
  return [...wanted.filter((method) => order.includes(method)), ...order.filter((method) => !wanted.includes(method))];
}

/** Allowed, and known to the caller: what came after them is offered to those who said that they can take it. */
export function takeable(order: readonly Method[], also: readonly Method[]): Method[] {
  const onRequest: readonly Method[] = METHODS_ON_REQUEST;
  return order.filter((method) => !onRequest.includes(method) || also.includes(method));
}

/** Some have one method, some have all; a name without a user always looks like the same one of these. */
function disguised(order: readonly Method[], disguise: number): readonly Method[] {
  const usual = order.filter((method) => method !== 'recovery');
  const shapes = [order, ...usual.map((method) => [method])];
  return shapes[disguise % shapes.length] ?? order;
}
