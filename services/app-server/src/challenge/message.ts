import { MfaError, type Policy } from '@countersign/contracts';
import type { Application } from '../application/authorise.ts';
import type { SendBudgets } from '../dispatch/budget.ts';
import type { Dispatcher } from '../dispatch/queue.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { LoginUsers } from '../user/login-users.ts';
import type { LoginAuthenticator, LoginUser } from '../user/store.ts';
import { codeFor } from './code.ts';
import type { OpenChallenge } from './state.ts';

export interface MessageDependencies {
  users: LoginUsers;
  budgets: SendBudgets;
  dispatcher: Dispatcher;
  ring: KeyRing;
  now: () => number;
}

/** Whom a code goes to. Without a phone it goes the same way as any other and is thrown away at its end (R21). */
export interface Recipient {
  userId: string;
  user: LoginUser | undefined;
  phone: LoginAuthenticator | undefined;
}

/**
 * What a message costs is set aside before anything is sent (R23).
 * @param person who named a number that nobody has confirmed: it counts as theirs, too.
 * @throws MfaError TRY_LATER when the budget of the number, its country, the day or the person is spent.
 */
export async function reserveMessage(
  deps: MessageDependencies,
  { userId, phone }: Recipient,
  policy: Policy,
  person?: string,
) {
  const target = phone === undefined ? { decoy: userId } : deps.users.phoneNumber(phone);
  const reserved = await deps.budgets.reserve(target, policy.messages, deps.now(), person);
  if (!reserved.ok) {
    throw new MfaError('TRY_LATER', { retryAfterSeconds: reserved.retryAfterSeconds, reason: reserved.reason });
  }
}

/** Hands the code of a challenge to the dispatcher; when it returns, the message outlives this process. */
export async function handOver(
  deps: MessageDependencies,
  { userId, user, phone }: Recipient,
  challengeId: string,
  challenge: OpenChallenge,
  application: Application,
  policy: Policy,
): Promise<void> {
  const wanted = phone !== undefined && challenge.codeMac !== undefined;
  await deps.dispatcher.hand({
    messageId: `${challengeId}:${challenge.sends}`,
    channel: 'sms',
    ...(wanted && { phone: deps.users.phoneNumber(phone) }),
    code: codeFor(deps.ring, challengeId, challenge.sends, challenge.digits),
    application: application.name,
    language: user?.language ?? 'en',
    originHost: policy.code.originHost,
    texts: policy.texts,
    carriers: policy.messages.carriers,
    limits: policy.messages,
    expiresAt: challenge.expiresAt,
    userId,
    challengeId,
  });
}

/** The last two digits to show; somebody without a phone has two as well, always the same. */
export function phoneEndOf(ring: KeyRing, { userId, phone }: Recipient): string {
  return phone?.phoneEnd ?? String(ring.mac('disguise-phone', userId).readUInt16BE(0) % 100).padStart(2, '0');
}
