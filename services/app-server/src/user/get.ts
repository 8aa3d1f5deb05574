import { MfaError, type InputOf, type userGet, type UserView } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { readUsers, withBlock } from './view.ts';

/** @throws MfaError USER_NOT_FOUND, UNAVAILABLE. */
export async function get(
  { router, ledger }: { router: Router; ledger: Ledger },
  { userId }: InputOf<typeof userGet>,
): Promise<UserView> {
  const [row] = await router.read((db) => readUsers(db, [userId]), { lane: 'report' });
  if (row === undefined) throw new MfaError('USER_NOT_FOUND');
  return withBlock(ledger, row);
}
