import { MfaError, type Policy } from '@countersign/contracts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, changeWasMade, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import { assertKnown, type Settled } from '../ledger/state-form.ts';
import type { LoginUsers } from '../user/login-users.ts';
import { recordNotices } from '../notice/record.ts';
import { getLogin } from '../user/store.ts';
import type { SecretHasher } from '../secret-hash/hash.ts';
import { assertFit } from './rules.ts';
import { pinOf, replacePin, type KeptPin } from './store.ts';

export interface ChangeDependencies {
  router: Router;
  users: Pick<LoginUsers, 'phoneNumber'>;
  pins: SecretHasher;
  settled: Pick<Settled, 'number'>;
  now: () => number;
}

export interface Change {
  userId: string;
  pin: string;
  policy: Policy['pin'];
  /** By an administrator, who must not learn which PINs somebody had. */
  byOther: boolean;
}

/**
 * Gives somebody another PIN.
 * @throws MfaError USER_NOT_FOUND, REQUEST_INVALID, PIN_WEAK, PIN_USED_BEFORE, UPGRADE_UNFINISHED, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function changePin(
  deps: ChangeDependencies,
  { userId, pin, policy, byOther }: Change,
  { attemptId, application }: AuthorisedRequest,
): Promise<void> {
  const { router, users, pins } = deps;
  assertKnown(deps.settled);
  if (await router.read((db) => changeWasMade(db, attemptId), { from: 'primary' })) return;
  const user = await getLogin(router, userId, { from: 'primary' });
  if (user === undefined) throw new MfaError('USER_NOT_FOUND');
  const phones = user.authenticators.filter(({ type }) => type === 'phone').map((phone) => users.phoneNumber(phone));
  assertFit(pin, policy, phones);
  const before = await router.read((db) => pinOf(db, userId), { from: 'primary' });
  using place = pins.enter('change');
  if (!byOther) {
    for (const stored of refusedOf(before, policy)) {
      if ((await pins.check(place, userId, pin, stored)).isRight) throw new MfaError('PIN_USED_BEFORE');
    }
  }
  const hash = await pins.hash(place, userId, pin);
  const now = deps.now();
  await router.write((db) =>
    changeOnce(db, attemptId, async (transaction) => {
      await replacePin(transaction, { userId, hash, mustChange: byOther, setAt: new Date(now) });
      await recordAdministration(transaction, {
        type: 'pin.set',
        at: now,
        attemptId,
        actor: application.name,
        userId,
        detail: { mustChange: byOther },
      });
      await recordNotices(transaction, { userId, kind: 'pin.changed', at: now });
    }),
  );
}

/** The one in force is never a change. */
function refusedOf(kept: KeptPin | undefined, { history }: Policy['pin']): readonly string[] {
  return kept === undefined ? [] : [kept.hash, ...kept.earlier].slice(0, Math.max(1, history));
}
