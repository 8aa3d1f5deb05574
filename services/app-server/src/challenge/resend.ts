import {
  addressOfChallenge,
  MfaError,
  type challengeResend,
  type InputOf,
  type StartedChallenge,
} from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { Policies } from '../policy/policies.ts';
import { codeFor, codeMacFor } from './code.ts';
import { decideResend } from './decide.ts';
import { handOver, phoneEndOf, reserveMessage, type MessageDependencies } from './message.ts';
import { sentenceFor } from './sentence.ts';
import type { UserState } from './state.ts';

export interface ResendDependencies extends MessageDependencies {
  ledger: UserLedger;
  policies: Pick<Policies, 'effective'>;
}

/** Left of the request when the message is reserved: a budget that is spent for nothing is the user's. */
const TIME_TO_SEND_MS = 3000;

/**
 * Sends a new code for a challenge by SMS; the one before is void.
 * @throws MfaError CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED, REQUEST_INVALID (not by SMS), TRY_LATER, UNAVAILABLE.
 */
export async function resend(
  deps: ResendDependencies,
  { challengeId }: InputOf<typeof challengeResend>,
  request: AuthorisedRequest,
): Promise<StartedChallenge> {
  const { ring, ledger } = deps;
  const { application, attemptId } = request;
  const address = addressOfChallenge(challengeId);
  if (address === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');
  const { userId, key } = address;
  const policy = deps.policies.effective(application.applicationId);

  const decide = (state: UserState, now: number) => {
    const challenge = state.open.find((candidate) => candidate.key === key);
    return decideResend(
      state,
      {
        key,
        applicationId: application.applicationId,
        purpose: 'login',
        attemptId,
        messages: policy.messages,
        lifeMs: policy.code.lifeSeconds * 1000,
        codeMacFor: (sends) =>
          challenge?.codeMac === undefined
            ? undefined
            : codeMacFor(ring, challengeId, sends + 1, codeFor(ring, challengeId, sends + 1, challenge.digits)),
      },
      now,
    );
  };

  // What is refused anyway, as far as one can see, shall not use up the budget of the number.
  const seen = await ledger.peek(
    userId,
    ({ open }) => open.some((candidate) => candidate.key === key),
    request.deadline - TIME_TO_SEND_MS,
  );
  const early = decide(seen, deps.now());
  if ('refuse' in early && early.refuse.code === 'TRY_LATER') throw early.refuse;
  const sentTo = seen.open.find((candidate) => candidate.key === key)?.authenticatorId;
  const user = await deps.users.byId(userId);
  const phone = user?.authenticators.find(({ authenticatorId }) => authenticatorId === sentTo);
  const recipient = { userId, user, phone };
  if (!('refuse' in early)) await reserveMessage(deps, recipient, policy);

  const { state } = await ledger.act(userId, attemptId, decide, request);
  const challenge = state.open.find((candidate) => candidate.key === key);
  if (challenge === undefined) throw new MfaError('CHALLENGE_CLOSED');
  await handOver(deps, recipient, challengeId, challenge, application, policy);
  const { digits, pin = false } = challenge;
  return {
    challengeId,
    state: 'pending',
    method: challenge.method,
    prompt: sentenceFor('sms', application.promptLanguage ?? user?.language, {
      digits,
      phoneEnd: phoneEndOf(ring, recipient),
      pin,
    }),
    expiresAt: new Date(challenge.expiresAt).toISOString(),
    alternatives: [],
    ...(pin && { pin }),
  };
}
