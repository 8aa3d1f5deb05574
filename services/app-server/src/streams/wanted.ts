import type { JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { TRAIL_STREAM } from '../audit/trail.ts';
import { NONCES } from '../device/nonces.ts';
import { DISPATCH, LIMITS } from '../dispatch/streams.ts';
import { IDEMPOTENCY } from '../idempotency/stream.ts';
import type { Partition } from '../ledger/partition.ts';
import { RADIUS } from '../radius/kept.ts';
import { SESSIONS, SIGN_INS } from '../session/stream.ts';
import { findStream } from './find-stream.ts';

export interface Wanted {
  name: string;
  purpose: string;
  settings: Partial<StreamConfig>;
}

/**
 * What must hold of each stream for decisions to be safe, whoever made it and whatever was changed since. Sizes and ages are the
 * administrator's, within these.
 */
export function wantedStreams(partitions: readonly Partition[]): readonly Wanted[] {
  return [...partitions.map(({ stream }) => ({ ...LEDGER, name: stream })), ...OTHERS];
}

/** @returns names of all but the ledger's. */
export function otherStreams(): readonly string[] {
  return OTHERS.map(({ name }) => name);
}

const LEDGER: Omit<Wanted, 'name'> = {
  purpose: 'the ledger, without which nobody logs in',
  settings: { retention: 'limits', storage: 'file', discard: 'new', deny_delete: true, deny_purge: true },
};

const OTHERS: readonly Wanted[] = [
  {
    name: TRAIL_STREAM,
    purpose: 'the audit of what decided nothing',
    settings: { retention: 'limits', storage: 'file', discard: 'new', deny_delete: true, deny_purge: true },
  },
  {
    name: DISPATCH,
    purpose: 'messages to be sent',
    settings: { retention: 'workqueue', storage: 'file', discard: 'new' },
  },
  {
    name: LIMITS,
    purpose: 'budgets of messages',
    settings: { retention: 'limits', storage: 'file', max_msgs_per_subject: 1 },
  },
  {
    name: SESSIONS,
    purpose: 'who is signed in at the portal',
    settings: { retention: 'limits', storage: 'file', max_msgs_per_subject: 1, allow_direct: false },
  },
  {
    name: SIGN_INS,
    purpose: 'who is on the way in at the portal',
    settings: { retention: 'limits', storage: 'file', max_msgs_per_subject: 1, allow_direct: false },
  },
  {
    name: NONCES,
    purpose: 'requests of phones that were made lately',
    settings: { retention: 'limits', storage: 'memory', discard: 'new', max_msgs_per_subject: 1, allow_direct: false },
  },
  {
    name: RADIUS,
    purpose: 'what upstream RADIUS servers have said of logins under way',
    settings: { retention: 'limits', storage: 'memory', discard: 'old', max_msgs_per_subject: 1, allow_direct: false },
  },
  {
    name: IDEMPOTENCY,
    purpose: 'answers to repeated requests',
    settings: { retention: 'limits', storage: 'file', max_msgs_per_subject: 1 },
  },
];

/** @returns what NATS says of each stream; undefined for one that is not there. */
export function readStreams(
  manager: JetStreamManager,
  partitions: readonly Partition[],
): Promise<Map<string, StreamInfo | undefined>> {
  const entries = wantedStreams(partitions).map(async ({ name }) => [name, await findStream(manager, name)] as const);
  return Promise.all(entries).then((list) => new Map(list));
}

/** Settings of a stream that are not as they must be: `discard is "old" and not "new"`. Empty when all are. */
export function wrongSettings(wanted: Partial<StreamConfig>, { config }: Pick<StreamInfo, 'config'>): string[] {
  const wrong = (Object.keys(wanted) as (keyof StreamConfig)[]).filter((key) => config[key] !== wanted[key]);
  return wrong.map((key) => `${key} is ${JSON.stringify(config[key])} and not ${JSON.stringify(wanted[key])}`);
}
