import type { Ledger } from './ledger.ts';
import { partOf } from './partition.ts';

/** What use cases know of the ledger: to look at a user, and to decide. */
export type UserLedger = Pick<Ledger, 'peek' | 'act'>;

/** Sends each user to the part of the ledger that holds them. */
export function partitionedLedger(parts: readonly UserLedger[]): UserLedger {
  const of = (userId: string): UserLedger => {
    const part = parts[partOf(userId, parts.length)];
    if (part === undefined) throw new Error('a ledger has at least one part');
    return part;
  };
  return {
    peek: (userId, ...rest) => of(userId).peek(userId, ...rest),
    act: (userId, ...rest) => of(userId).act(userId, ...rest),
  };
}
