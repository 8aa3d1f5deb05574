import { METHODS, type Method } from '@countersign/contracts';
import type { LoginAuthenticator, LoginUser } from '../user/store.ts';

/** Which authenticators answer by which method. */
const AUTHENTICATOR_OF: Record<Method, LoginAuthenticator['type']> = { totp: 'totp', sms: 'phone' };

export interface ChosenMethod {
  method: Method;
  /** What can answer by it. Empty: a challenge that looks like any other and that nothing can answer. */
  authenticators: LoginAuthenticator[];
  alternatives: Method[];
}

/**
 * How a user will be asked. Somebody who does not exist, or who has nothing to answer with, is asked as well: in a way that
 * stays the same for the name, so that asking twice tells nothing (R21).
 * @param order the allowed methods, best first.
 * @param requested one of `order`, or undefined.
 * @param disguise 1 byte that depends on the name and a key.
 */
export function chooseMethod(
  user: LoginUser | undefined,
  order: readonly Method[],
  requested: Method | undefined,
  disguise: number,
): ChosenMethod {
  const active = user?.authenticators.filter(({ state }) => state === 'active') ?? [];
  const able = (method: Method) => active.filter(({ type }) => type === AUTHENTICATOR_OF[method]);
  const real = order.filter((method) => able(method).length > 0);
  const shown = real.length > 0 ? real : disguised(order, disguise);
  const method = requested ?? shown[0] ?? METHODS[0];
  return { method, authenticators: able(method), alternatives: shown.filter((other) => other !== method) };
}

/** Some have one method, some have all; a name without a user always looks like the same one of these. */
function disguised(order: readonly Method[], disguise: number): readonly Method[] {
  const shapes = [order, ...order.map((method) => [method])];
  return shapes[disguise % shapes.length] ?? order;
}
