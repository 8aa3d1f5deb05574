import { LedgerContinuity } from '../continuity.ts';
import { Ledger } from '../ledger.ts';
import type { UserLog } from '../log.ts';
import { REAL, type Variant } from './app-server.ts';

/** Ledgers that are known to be wrong, each in a way that looks harmless. The judges must notice. */
export const WRONG_VARIANTS: readonly Variant[] = [
  {
    ...REAL,
    name: 'get, then put: what was read is not a condition of the append',
    ledger: (deps) => {
      const { log } = deps;
      return new Ledger({ ...deps, log: withAppend(log, (userId, record) => log.append(userId, record, undefined)) });
    },
  },
  {
    ...REAL,
    name: 'used, so it was me: whoever took the place is taken for oneself',
    ledger: (deps) => {
      const { log } = deps;
      const append: UserLog['append'] = async (userId, record, expectedSequence) => {
        const outcome = await log.append(userId, record, expectedSequence);
        if (outcome.outcome !== 'taken') return outcome;
        const taker = await log.successor(userId, expectedSequence);
        return taker === undefined ? outcome : { outcome: 'stored', sequence: taker.sequence };
      };
      return new Ledger({ ...deps, log: withAppend(log, append) });
    },
  },
  {
    ...REAL,
    name: 'no recovery floor: a ledger that forgot is believed',
    continuity: (deps) =>
      new (class extends LedgerContinuity {
        override floor() {
          return { at: 0 };
        }
      })(deps),
  },
];

function withAppend(log: UserLog, append: UserLog['append']): UserLog {
  return {
    last: (userId) => log.last(userId),
    lastFromLeader: (userId) => log.lastFromLeader(userId),
    successor: (userId, sequence) => log.successor(userId, sequence),
    at: (userId, sequence) => log.at(userId, sequence),
    append,
  };
}
