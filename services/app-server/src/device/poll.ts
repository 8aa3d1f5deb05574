import { DEVICE_PATHS, MfaError, PollBody, type devicePoll, type InputOf, type OutputOf } from '@countersign/contracts';
import { signPrompts } from '@countersign/device-protocol';
import type { Applications } from '../application/applications.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { isRemoved, type OpenChallenge, type UserState } from '../challenge/state.ts';
import type { PhoneKeys } from '../keys/phone-keys.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { promptsOf } from './decide.ts';
import { onStop } from './on-stop.ts';
import { promptOnRecord } from './prompt.ts';
import { kindOfRequest, signedCall, type SignedCallDependencies } from './signed-call.ts';
import type { Device } from './store.ts';
import type { WakePhones } from './wake-phones.ts';

export interface PollDependencies extends SignedCallDependencies {
  wakePhones: WakePhones;
  phoneKeys: PhoneKeys;
  applications: Pick<Applications, 'all'>;
  users: LoginUsers;
  ring: KeyRing;
  /** Undefined: no phone is woken by Web Push. */
  pushKey: string | undefined;
}

const KIND = kindOfRequest(DEVICE_PATHS.poll, PollBody);
/** Time kept back for the answer's way to the phone. */
const ANSWER_MS = 500;

/**
 * The logins that wait for a phone. With `wait` it is answered when they are others than those that the phone knows, when the time is
 * over, or when this replica is told to stop: whoever asks again is answered by another.
 * @throws MfaError as `signedCall`; DEVICE_UNKNOWN also for a device that was taken away while it waited (DEV-14); USER_DISABLED.
 */
export async function poll(
  deps: PollDependencies,
  { request: signed }: InputOf<typeof devicePoll>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof devicePoll>> {
  using hints = hintsFrom(deps.wakePhones);
  const beforeLook = ({ userId }: Device) => hints.hear(userId);
  const { device, body, nonce, state: atFirst } = await signedCall(deps, signed, KIND, request, { beforeLook });
  const until = Math.min(deps.now() + body.wait * 1000, request.deadline - ANSWER_MS);
  const known = new Set(body.known ?? []);
  let state = atFirst;
  const isTakenAway = () => isRemoved(state, device.deviceId);
  const isNews = () => {
    if (isTakenAway()) return true;
    const open = promptsOf(state, deps.now());
    return open.length !== known.size || open.some(({ key }) => !isAmong(known, key));
  };
  if (!isNews() && body.wait > 0) {
    const { stopping } = request;
    state = await waitForNews(deps, { userId: device.userId, hints, until, stopping, atFirst }, (now) => {
      state = now;
      return isNews();
    });
  }
  // What began since is none of its business any more.
  if (isTakenAway()) throw new MfaError('DEVICE_UNKNOWN', { reason: 'removed while it waited' });
  const open = promptsOf(state, deps.now());
  const { signing } = deps.phoneKeys.current();
  const prompts = await signPrompts(
    {
      v: 1,
      deviceId: device.deviceId,
      answers: nonce,
      at: deps.now(),
      prompts: open.length === 0 ? [] : await shownPrompts(deps, device, open),
    },
    signing,
  );
  const { pushKey } = deps;
  return { prompts, keySets: deps.phoneKeys.after(body.keySet), ...(pushKey !== undefined && { pushKey }) };
}

/** Ids of challenges end with the key within the person's record. */
function isAmong(known: ReadonlySet<string>, key: string): boolean {
  for (const challengeId of known) if (challengeId.endsWith(key)) return true;
  return false;
}

interface Hints extends Disposable {
  /** From here on. */
  hear(userId: string): void;
  /** Whether there was one since it was asked last. */
  take(): boolean;
  /** Until there is one, `leave` was called, or the time is over. */
  wait(ms: number): Promise<void>;
  readonly leave: () => void;
}

function hintsFrom(wakePhones: WakePhones): Hints {
  let heard: Disposable | undefined;
  let isHinted = false;
  let resume = () => {};
  return {
    hear: (userId) => {
      heard = wakePhones.wait(userId, () => {
        isHinted = true;
        resume();
      });
    },
    take: () => {
      const was = isHinted;
      isHinted = false;
      return was;
    },
    wait: async (ms) => {
      if (isHinted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      resume = resolve;
      const timer = setTimeout(resolve, ms);
      await promise;
      clearTimeout(timer);
    },
    leave: () => resume(),
    [Symbol.dispose]: () => heard?.[Symbol.dispose](),
  };
}

interface Wait {
  userId: string;
  hints: Hints;
  until: number;
  stopping: AbortSignal;
  atFirst: UserState;
}

/**
 * After the look that found nothing. Looks again at each hint, and when a prompt of now runs out; the last look is at the end of the time,
 * since a hint may be lost. Each look may fail: a phone asks again.
 */
async function waitForNews(
  deps: PollDependencies,
  { userId, hints, until, stopping, atFirst }: Wait,
  isNews: (state: UserState) => boolean,
): Promise<UserState> {
  using _stop = onStop(stopping, hints.leave);
  let state = atFirst;
  for (;;) {
    const leftMs = until - deps.now();
    if (stopping.aborted || leftMs <= 0) return state;
    const nextEnd = Math.min(...promptsOf(state, deps.now()).map(({ expiresAt }) => expiresAt - deps.now()));
    await hints.wait(Math.max(0, Math.min(leftMs, nextEnd)));
    const wasHinted = hints.take();
    // Whoever was hinted at is told what the leader says: a copy may not have heard of it yet.
    state = await deps.ledger.peek(userId, (seen) => !wasHinted || isNews(seen));
    if (isNews(state)) return state;
  }
}

async function shownPrompts(deps: PollDependencies, { userId }: Device, open: readonly OpenChallenge[]) {
  const user = await deps.users.byId(userId);
  // Whom their directory keeps out is asked nothing, and told why: an empty answer would be asked for again at once.
  if (user === undefined || user.status === 'disabled') throw new MfaError('USER_DISABLED');
  return open.map((challenge) => promptOnRecord(deps, challenge, user));
}
