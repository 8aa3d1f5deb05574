import { type Kysely } from 'kysely';
import type { Policy } from '@countersign/contracts';
import { isRemoved, type UserState } from '../challenge/state.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';
import type { LoginPasskeys } from '../passkey/login-passkeys.ts';
import type { LoginUser } from '../user/store.ts';

/** How far somebody comes who has proved a first factor. */
export type NextStep = 'second-factor' | 'access-code' | 'enrolment';

const DAY_MS = 86_400_000;

export interface StandingDependencies {
  router: Router;
  passkeys: LoginPasskeys;
  now: () => number;
}

/**
 * Somebody with a factor proves it (R16). Without any, an administrator's code, or the password alone where the policy says so and the
 * account was in use lately (R18).
 */
export async function nextStep(
  deps: StandingDependencies,
  user: LoginUser,
  state: UserState,
  policy: Policy['portal'],
): Promise<NextStep> {
  if (await hasFactor(deps, user, state)) return 'second-factor';
  if (policy.firstEnrolment !== 'password') return 'access-code';
  const usedAt = await deps.router.read((db) => lastUse(db, user.userId));
  const isDormant = usedAt === undefined || deps.now() - usedAt > policy.dormantDays * DAY_MS;
  return isDormant ? 'access-code' : 'enrolment';
}

/** Recovery codes alone are none: they are what is left when the others are lost. */
async function hasFactor(
  { passkeys }: Pick<StandingDependencies, 'passkeys'>,
  user: LoginUser,
  state: UserState,
): Promise<boolean> {
  const isActive = user.authenticators.some((one) => one.state === 'active' && !isRemoved(state, one.authenticatorId));
  if (isActive) return true;
  return (await passkeys.of(user.userId)).some(({ passkeyId }) => !isRemoved(state, passkeyId));
}

/**
 * The last sign-in at the portal, or else when an administrator made the user. Of whom nobody here has vouched for, when their account was made
 * in the directory: it may have been forgotten there for years (R18). When it was used there last says nothing: whoever has the password can
 * use it a moment before.
 */
async function lastUse(db: Kysely<Schema>, userId: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('app_user')
    .select(['created_at', 'known_since', 'signed_in_at'])
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return (row?.signed_in_at ?? row?.known_since ?? row?.created_at)?.getTime();
}
