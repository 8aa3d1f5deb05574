import { MfaError, type AuthenticatorView, type UserView } from '@countersign/contracts';
import { UsageError } from '../failure.ts';

export const AUTHENTICATOR_ARGUMENT = {
  description: 'Its id, the beginning of it (8 characters or more), or its type when there is one of that type.',
} as const;

const SHORTEST_BEGINNING = 8;

/** @throws MfaError AUTHENTICATOR_NOT_FOUND, or UsageError when several are meant. */
export function resolveAuthenticator(user: UserView, text: string): AuthenticatorView {
  const wanted = text.toLowerCase();
  const meant = user.authenticators.filter(
    ({ authenticatorId, type }) =>
      type === wanted || (wanted.length >= SHORTEST_BEGINNING && authenticatorId.startsWith(wanted)),
  );
  const [first, second] = meant;
  if (first === undefined) throw new MfaError('AUTHENTICATOR_NOT_FOUND');
  if (second !== undefined) {
    const ids = meant.map(({ authenticatorId }) => authenticatorId).join(', ');
    throw new UsageError(`${text} means several authenticators. Name one by its id: ${ids}.`);
  }
  return first;
}
