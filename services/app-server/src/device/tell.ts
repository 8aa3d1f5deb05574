import { MfaError, type devicePoll, type OutputOf, type PollAnswer } from '@countersign/contracts';
import { signPrompts } from '@countersign/device-protocol';
import type { Static } from 'typebox';
import type { Applications } from '../application/applications.ts';
import { isRemoved, type OpenChallenge, type UserState } from '../challenge/state.ts';
import type { PhoneKeys } from '../keys/phone-keys.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { promptsOf } from './decide.ts';
import { promptOnRecord } from './prompt.ts';
import { ticketFor, type Asked } from './ticket.ts';
import type { WakePhones } from './wake-phones.ts';

export interface TellDependencies {
  wakePhones: Pick<WakePhones, 'hintFor'>;
  phoneKeys: PhoneKeys;
  applications: Pick<Applications, 'all'>;
  users: LoginUsers;
  ring: KeyRing;
  /** Undefined: no phone is woken by Web Push. */
  pushKey: string | undefined;
  now: () => number;
}

/**
 * What a phone hears that polls: the logins that wait for it, or, while those are the ones that it knows and its time is not over, what
 * whoever holds its poll is to wait for, and what to say when nothing came.
 * @throws MfaError DEVICE_UNKNOWN for a device that was taken away while it waited (DEV-14); USER_DISABLED.
 */
export async function tell(
  deps: TellDependencies,
  asked: Asked,
  state: UserState,
): Promise<OutputOf<typeof devicePoll>> {
  // What began since is none of its business any more.
  if (isRemoved(state, asked.deviceId)) throw new MfaError('DEVICE_UNKNOWN', { reason: 'removed while it waited' });
  const now = deps.now();
  const { until } = asked;
  const open = promptsOf(state, now);
  if (now >= until || isNews(asked, state, now)) return answerTo(deps, asked, open, now);
  const firstEnd = Math.min(...open.map(({ expiresAt }) => expiresAt));
  const ticket = ticketFor(deps.ring, asked);
  const hint = deps.wakePhones.hintFor(asked.userId);
  if (firstEnd < until) return { noNews: { hint, forMs: firstEnd - now, ticket } };
  // Nobody needs to ask again for it. If a hint is lost, the next poll, which follows at once, finds what it was about.
  const answer = await answerTo(deps, asked, open, until);
  return { noNews: { hint, forMs: until - now, ticket, answer } };
}

/** @param at when the phone gets it: a phone sets its clock by this. */
async function answerTo(
  deps: TellDependencies,
  { deviceId, userId, keySet, nonce }: Asked,
  open: readonly OpenChallenge[],
  at: number,
): Promise<Static<typeof PollAnswer>> {
  const shown = open.length === 0 ? [] : await shownPrompts(deps, userId, open);
  const { signing } = deps.phoneKeys.current();
  const prompts = await signPrompts({ v: 1, deviceId, answers: nonce, at, prompts: shown }, signing);
  const { pushKey } = deps;
  return { prompts, keySets: deps.phoneKeys.after(keySet), ...(pushKey !== undefined && { pushKey }) };
}

/** Whether the phone is to hear of it now: of others than those that it knows, of fewer, or that it was taken away. */
export function isNews({ deviceId, known }: Asked, state: UserState, now: number): boolean {
  if (isRemoved(state, deviceId)) return true;
  const open = promptsOf(state, now);
  return open.length !== new Set(known).size || open.some(({ key }) => !isAmong(known, key));
}

/** Ids of challenges end with the key within the person's record. */
function isAmong(known: readonly string[], key: string): boolean {
  return known.some((challengeId) => challengeId.endsWith(key));
}

async function shownPrompts(deps: TellDependencies, userId: string, open: readonly OpenChallenge[]) {
  const user = await deps.users.byId(userId);
  // Whom their directory keeps out is asked nothing, and told why: an empty answer would be asked for again at once.
  if (user === undefined || user.status === 'disabled') throw new MfaError('USER_DISABLED');
  return open.map((challenge) => promptOnRecord(deps, challenge, user));
}
