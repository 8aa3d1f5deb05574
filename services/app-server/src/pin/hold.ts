import { MfaError, type Policy } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { decidePinTry, openChallenge, withoutPin, type HeldPin, type LookCommand } from '../challenge/decide.ts';
import type { PinOutcome } from '../challenge/events.ts';
import type { UserState } from '../challenge/state.ts';
import type { Router } from '../database/router.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import type { LoginUser } from '../user/store.ts';
import type { Place } from '../secret-hash/argon2.ts';
import type { SecretHasher } from '../secret-hash/hash.ts';
import { isDue } from './rules.ts';
import { rehashPin } from './store.ts';

export interface HoldDependencies {
  router: Router;
  ledger: UserLedger;
  pins: SecretHasher;
  now: () => number;
}

interface Typed {
  userId: string;
  user: LoginUser | undefined;
  /** Undefined: the caller sent none. */
  pin: string | undefined;
  look: LookCommand;
  policy: Policy['pin'];
}

/**
 * Holds a PIN against the person's, where the challenge wants one, whatever the code beside it is. It is paid for first, and somebody who has none, or
 * does not exist, costs the same work (R21).
 * @returns undefined where the challenge wants none.
 * @throws MfaError REQUEST_INVALID, CHALLENGE_CLOSED, TRY_LATER, UNAVAILABLE.
 */
export async function holdPin(
  deps: HoldDependencies,
  { userId, user, pin, look, policy }: Typed,
  request: AuthorisedRequest,
): Promise<HeldPin | undefined> {
  // The challenge says whether it wants one. Where the policy asks for none and none was sent, nobody looks for it: decideVerify would refuse.
  if (policy.methods.length === 0 && pin === undefined) return undefined;
  const isThere = ({ open, closed }: UserState) => [...open, ...closed].some(({ key }) => key === look.key);
  const found = openChallenge(await deps.ledger.peek(userId, isThere), look, deps.now());
  // Of another application, or over: decideVerify says so.
  if ('refuse' in found || found.challenge.pin !== true) return undefined;
  if (pin === undefined) throw withoutPin().refuse;

  using place = deps.pins.enter();
  const { attemptId, application } = request;
  const { event } = await deps.ledger.act(
    userId,
    `${attemptId} pin`,
    (state, now) => decidePinTry(state, look, now),
    request,
  );
  if (event.type !== 'pin.tried') throw new MfaError('INTERNAL', { reason: `this attempt was ${event.type}` });
  return {
    is: await outcomeOf(deps, place, { userId, kept: user?.pin, pin, policy }),
    lane: event.lane,
    atPortal: application.scopes.includes('portal'),
  };
}

async function outcomeOf(
  { router, pins, now }: HoldDependencies,
  place: Place,
  { userId, kept, pin, policy }: { userId: string; kept: LoginUser['pin']; pin: string; policy: Policy['pin'] },
): Promise<PinOutcome> {
  const { isRight, isOutdated } = await pins.check(place, userId, pin, kept?.hash);
  if (kept === undefined) return 'missing';
  if (!isRight) return 'wrong';
  // Nobody waits for it, or the time would tell that it was right; without a primary or a place the next login does it.
  if (isOutdated) void rehash({ router, pins }, { userId, pin, from: kept.hash }).catch(() => undefined);
  return isDue(kept, policy, now()) ? 'due' : 'right';
}

async function rehash(
  { router, pins }: Pick<HoldDependencies, 'router' | 'pins'>,
  { userId, pin, from }: { userId: string; pin: string; from: string },
): Promise<void> {
  using place = pins.enter('change');
  const to = await pins.hash(place, userId, pin);
  await router.write((db) => rehashPin(db, { userId, from, to }), { visible: false });
}
