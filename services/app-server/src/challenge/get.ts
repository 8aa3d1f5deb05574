import {
  addressOfChallenge,
  MfaError,
  type challengeGet,
  type ChallengeView,
  type InputOf,
} from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Evidence } from '../evidence/evidence.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { isSignedOutSince, type UserState } from './state.ts';
import type { Wake } from './wake.ts';

export interface GetDependencies {
  ledger: UserLedger;
  evidence: Pick<Evidence, 'readSignIn'>;
  wake: Wake;
  now: () => number;
}

/** A lost wake-up costs at most this. */
const REREAD_MS = 3000;
/** Time kept back for the answer's way to the caller. */
const ANSWER_MS = 500;
/** How long it is tried to read the ledger for somebody who does not wait. */
const LOOK_MS = 5000;
/** The same at the end of a wait, at which a leader may be away. */
const LAST_LOOK_MS = 4000;

/**
 * Where a challenge stands. With `waitSeconds` the answer comes when it ends, when the time is over, or when this replica is told
 * to stop: then "pending" comes early, and who asks again is answered by another.
 * @throws MfaError CHALLENGE_NOT_FOUND, UNAVAILABLE; SIGN_IN_NEEDED only where a sign-in is named, which is not this person's or has ended.
 */
export async function get(
  deps: GetDependencies,
  { challengeId, waitSeconds = 0, evidence }: InputOf<typeof challengeGet>,
  request: AuthorisedRequest,
): Promise<ChallengeView> {
  const { stopping, application } = request;
  const { applicationId } = application;
  const address = addressOfChallenge(challengeId);
  if (address === undefined) throw new MfaError('CHALLENGE_NOT_FOUND');
  const { userId, key } = address;
  const signIn = evidence === undefined ? undefined : await deps.evidence.readSignIn(evidence, application);
  if (signIn !== undefined && signIn.userId !== userId) {
    throw new MfaError('SIGN_IN_NEEDED', { reason: 'sign-in of another' });
  }
  const answerBy = request.deadline - ANSWER_MS;
  const until = Math.min(deps.now() + waitSeconds * 1000, answerBy);
  // Who waits has a place of their own, and their balancer as well; who asks in passing takes one of those that end challenges.
  const lookBy = Math.min(answerBy, until + (waitSeconds > 0 ? LAST_LOOK_MS : LOOK_MS));
  /** @param isWoken it may have ended, so a state in which it is open may be old. */
  const look = async (isWoken: boolean) => {
    const shows = ({ open, closed }: UserState) =>
      (isWoken ? closed : [...open, ...closed]).some((one) => one.key === key);
    const state = await deps.ledger.peek(userId, shows, lookBy);
    if (signIn !== undefined && isSignedOutSince(state, signIn)) {
      throw new MfaError('SIGN_IN_NEEDED', { reason: 'signed out since' });
    }
    return viewOf(state, challengeId, key, applicationId, deps.now());
  };

  using woken = deps.wake.subscribe(challengeId, stopping);
  for (let isWoken = false; ;) {
    const view = await look(isWoken);
    const leftMs = Math.min(until, Date.parse(view.expiresAt)) - deps.now();
    const isOver = leftMs <= 0;
    const isOpen = view.state === 'pending' || view.state === 'expired';
    // A copy that is behind shows a challenge open that has ended: whoever has waited is told what the leader says.
    if (!isOpen || stopping.aborted || (isOver && (isWoken || waitSeconds === 0))) return view;
    isWoken = isOver || (await woken.next(Math.min(leftMs, REREAD_MS)));
  }
}

/** The view of one application. Another's challenge does not exist for it. */
export function viewOf(
  state: UserState,
  challengeId: string,
  key: string,
  applicationId: string,
  now: number,
): ChallengeView {
  const open = state.open.find((candidate) => candidate.key === key);
  const found = open ?? state.closed.find((candidate) => candidate.key === key);
  if (found === undefined || found.applicationId !== applicationId || found.purpose === 'enrol') {
    throw new MfaError('CHALLENGE_NOT_FOUND');
  }
  const pending = found.expiresAt <= now ? 'expired' : 'pending';
  return {
    challengeId,
    state: 'state' in found ? found.state : pending,
    method: found.method,
    expiresAt: new Date(found.expiresAt).toISOString(),
  };
}
