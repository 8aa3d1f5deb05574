import type { LimitStore } from '../limit-store.ts';

/** The same contract in memory, for tests of what is built on it. The real one has its own tests. */
export function memoryStore(records: Map<string, unknown> = new Map()): LimitStore {
  return {
    update: async (key, change) => {
      const { record, result } = change(records.get(key) as never);
      if (record !== undefined) records.set(key, JSON.parse(JSON.stringify(record)));
      return result;
    },
  };
}
