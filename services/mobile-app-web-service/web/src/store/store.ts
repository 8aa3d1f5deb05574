import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { Account, CodeAccount, Past, Waiting } from './records.ts';

interface Schema extends DBSchema {
  accounts: { key: string; value: Account };
  waiting: { key: string; value: Waiting };
  codes: { key: string; value: CodeAccount };
  past: { key: [string, string]; value: Past; indexes: { 'by-device': [string, number] } };
  clock: { key: 'offset'; value: number };
}

const NAME = 'countersign';
const VERSION = 1;
const KEPT_PER_ACCOUNT = 50;

/** Everything there is to show, as it stands. */
export interface Kept {
  readonly accounts: readonly Account[];
  readonly waiting: readonly Waiting[];
  readonly codes: readonly CodeAccount[];
  /** What the clock of this phone is behind by. */
  readonly clockOffsetMs: number;
}

/** What this phone keeps, in all of its windows. Keys lie here as the platform holds them: to be used, not to be read. */
export interface Store {
  readonly read: () => Promise<Kept>;
  readonly account: (deviceId: string) => Promise<Account | undefined>;
  readonly putAccount: (account: Account) => Promise<void>;
  /** Nothing when the account was removed meanwhile. */
  readonly changeAccount: (deviceId: string, change: (account: Account) => Account) => Promise<void>;
  readonly removeAccount: (deviceId: string) => Promise<void>;
  readonly waiting: (deviceId: string) => Promise<Waiting | undefined>;
  readonly putWaiting: (waiting: Waiting) => Promise<void>;
  readonly putCodes: (codes: CodeAccount) => Promise<void>;
  readonly removeCodes: (id: string) => Promise<void>;
  readonly clockOffsetMs: () => Promise<number>;
  readonly putClockOffset: (offsetMs: number) => Promise<void>;
  /** Newest first. */
  readonly past: (deviceId: string) => Promise<readonly Past[]>;
  /** In place of what was held of the same login. */
  readonly putPast: (past: Past) => Promise<void>;
  /** Unless something is held of the same login. */
  readonly addPast: (past: Past) => Promise<void>;
  /** Calls back whenever a window, this one or another, has changed something. */
  readonly onChange: (listener: () => void) => () => void;
}

export async function openStore(): Promise<Store> {
  const database = await openDB<Schema>(NAME, VERSION, {
    upgrade: (created) => {
      created.createObjectStore('accounts', { keyPath: 'deviceId' });
      created.createObjectStore('waiting', { keyPath: 'deviceId' });
      created.createObjectStore('codes', { keyPath: 'id' });
      const past = created.createObjectStore('past', { keyPath: ['deviceId', 'challengeId'] });
      past.createIndex('by-device', ['deviceId', 'atMs']);
      created.createObjectStore('clock');
    },
    // A newer window waits for this one.
    blocking: () => database.close(),
  });
  const listeners = new Set<() => void>();
  const channel = new BroadcastChannel(NAME);
  channel.addEventListener('message', () => tellHere());
  const tellHere = () => {
    for (const listener of listeners) listener();
  };
  const tell = () => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- such a channel reaches its own origin alone
    channel.postMessage('changed');
    tellHere();
  };
  return {
    read: () => readAll(database),
    account: (deviceId) => database.get('accounts', deviceId),
    putAccount: (account) => database.put('accounts', account).then(tell),
    changeAccount: async (deviceId, change) => {
      const transaction = database.transaction('accounts', 'readwrite');
      const before = await transaction.store.get(deviceId);
      if (before !== undefined) await transaction.store.put(change(before));
      await transaction.done;
      tell();
    },
    removeAccount: async (deviceId) => {
      const transaction = database.transaction(['accounts', 'waiting', 'past'], 'readwrite');
      await transaction.objectStore('accounts').delete(deviceId);
      await transaction.objectStore('waiting').delete(deviceId);
      await transaction.objectStore('past').delete(IDBKeyRange.bound([deviceId], [deviceId, []]));
      await transaction.done;
      tell();
    },
    waiting: (deviceId) => database.get('waiting', deviceId),
    putWaiting: (waiting) => putWaiting(database, waiting).then((isOther) => (isOther ? tell() : undefined)),
    putCodes: (codes) => database.put('codes', codes).then(tell),
    removeCodes: (id) => database.delete('codes', id).then(tell),
    clockOffsetMs: async () => (await database.get('clock', 'offset')) ?? 0,
    putClockOffset: (offsetMs) => database.put('clock', offsetMs, 'offset').then(tell),
    past: async (deviceId) => (await pastOf(database, deviceId)).toReversed(),
    putPast: async (past) => {
      await database.put('past', past);
      await trimPast(database, past.deviceId);
      tell();
    },
    addPast: async (past) => {
      const transaction = database.transaction('past', 'readwrite');
      const before = await transaction.store.get([past.deviceId, past.challengeId]);
      if (before === undefined) await transaction.store.put(past);
      await transaction.done;
      await trimPast(database, past.deviceId);
      tell();
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

async function readAll(database: IDBPDatabase<Schema>): Promise<Kept> {
  const transaction = database.transaction(['accounts', 'waiting', 'codes', 'clock']);
  const [accounts, waiting, codes, offset] = await Promise.all([
    transaction.objectStore('accounts').getAll(),
    transaction.objectStore('waiting').getAll(),
    transaction.objectStore('codes').getAll(),
    transaction.objectStore('clock').get('offset'),
  ]);
  const byAge = (one: { addedAtMs: number }, other: { addedAtMs: number }) => one.addedAtMs - other.addedAtMs;
  return { accounts: accounts.toSorted(byAge), waiting, codes: codes.toSorted(byAge), clockOffsetMs: offset ?? 0 };
}

/** Of an account that is still there. @returns whether anything has changed by it, which most polls do not. */
async function putWaiting(database: IDBPDatabase<Schema>, waiting: Waiting): Promise<boolean> {
  const transaction = database.transaction(['accounts', 'waiting'], 'readwrite');
  const store = transaction.objectStore('waiting');
  const [account, before] = await Promise.all([
    transaction.objectStore('accounts').getKey(waiting.deviceId),
    store.get(waiting.deviceId),
  ]);
  const isOther = account !== undefined && JSON.stringify(before) !== JSON.stringify(waiting);
  if (isOther) await store.put(waiting);
  await transaction.done;
  return isOther;
}

function pastOf(database: IDBPDatabase<Schema>, deviceId: string): Promise<Past[]> {
  return database.getAllFromIndex('past', 'by-device', IDBKeyRange.bound([deviceId], [deviceId, []]));
}

async function trimPast(database: IDBPDatabase<Schema>, deviceId: string): Promise<void> {
  const past = await pastOf(database, deviceId);
  for (const { challengeId } of past.slice(0, -KEPT_PER_ACCOUNT)) {
    await database.delete('past', [deviceId, challengeId]);
  }
}
