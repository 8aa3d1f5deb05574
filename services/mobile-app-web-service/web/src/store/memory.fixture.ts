import type { Account, Past, Waiting } from './records.ts';
import type { Store } from './store.ts';

/** What a phone keeps, in memory, for tests of what is done with it: one account. */
export function memoryStore(account: Account): Store & { readonly accounts: Map<string, Account> } {
  const accounts = new Map([[account.deviceId, account]]);
  const waiting = new Map<string, Waiting>();
  const past: Past[] = [];
  let offsetMs = 0;
  return {
    accounts,
    read: async () => ({
      accounts: [...accounts.values()],
      waiting: [...waiting.values()],
      codes: [],
      clockOffsetMs: offsetMs,
    }),
    account: async (deviceId) => accounts.get(deviceId),
    putAccount: async (one) => void accounts.set(one.deviceId, one),
    changeAccount: async (deviceId, change) => {
      const before = accounts.get(deviceId);
      if (before !== undefined) accounts.set(deviceId, change(before));
    },
    removeAccount: async (deviceId) => void accounts.delete(deviceId),
    waiting: async (deviceId) => waiting.get(deviceId),
    putWaiting: async (one) => void waiting.set(one.deviceId, one),
    putCodes: async () => undefined,
    removeCodes: async () => undefined,
    clockOffsetMs: async () => offsetMs,
    putClockOffset: async (learntMs) => void (offsetMs = learntMs),
    past: async () => past,
    putPast: async (one) => void past.push(one),
    addPast: async (one) => void past.push(one),
    onChange: () => () => undefined,
  };
}
