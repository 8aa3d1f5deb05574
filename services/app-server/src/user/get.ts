import type { InputOf, OutputOf, userGet } from '@countersign/contracts';
import { viewUser, type ViewDependencies } from './view.ts';

/** @throws MfaError USER_NOT_FOUND, UNAVAILABLE. */
export function get(deps: ViewDependencies, { userId }: InputOf<typeof userGet>): Promise<OutputOf<typeof userGet>> {
  return viewUser(deps, userId);
}
