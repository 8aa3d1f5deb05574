import { expect, test } from 'vitest';
import { evolve } from '../challenge/evolve.ts';
import { INITIAL_STATE, type UserState } from '../challenge/state.ts';
import type { Router } from '../database/router.ts';
import type { Recorded } from '../ledger/ledger.ts';
import type { UserLedger } from '../ledger/partitioned-ledger.ts';
import { requestOf } from '../testing/house.ts';
import { block } from './block.ts';

const AT = Date.UTC(2026, 10, 23, 9);
const userId = crypto.randomUUID();
const input = { userId, reason: 'Phone stolen, ticket 4711' };

/** A router that knows the user on the standby, on the primary, or nowhere. */
function routerThatKnows(where: 'standby' | 'primary' | 'nobody'): Router {
  const read = (_work: unknown, { from }: { from?: 'primary' } = {}) =>
    Promise.resolve(where === (from ?? 'standby') ? { user_id: userId } : undefined);
  return { read, write: () => Promise.reject(new Error('a block writes nothing to Postgres')) } as unknown as Router;
}

const wakePhones = { of: () => undefined };

/** A ledger that holds one user and keeps what was recorded. */
function ledgerOf(state: UserState) {
  const recorded: { userId: string; attemptId: string; state: UserState }[] = [];
  const act: UserLedger['act'] = (user, attemptId, decide) => {
    const decision = decide(state, AT, { at: 0 });
    if ('refuse' in decision) return Promise.reject(decision.refuse);
    const event = { ...decision.append, at: AT };
    const after = evolve(state, event);
    recorded.push({ userId: user, attemptId, state: after });
    return Promise.resolve({ event, state: after, sequence: recorded.length } satisfies Recorded);
  };
  return { recorded, ledger: { act } satisfies Pick<UserLedger, 'act'> };
}

test('a block is one append under the attempt: reason and author are kept, a bypass that was given is withdrawn, and every session ends', async () => {
  const { ledger, recorded } = ledgerOf({ ...INITIAL_STATE, bypass: { expiresAt: AT + 1, by: 'helpdesk' } });
  const request = requestOf();
  expect(await block({ router: routerThatKnows('standby'), ledger, wakePhones }, input, request)).toEqual({ userId });
  expect(recorded).toEqual([
    {
      userId,
      attemptId: request.attemptId,
      state: { ...INITIAL_STATE, blocked: { reason: input.reason, by: 'helpdesk', at: AT }, signedOutAt: AT },
    },
  ]);
});

test('a standby that lags is not believed when it does not know the user', async () => {
  const { ledger, recorded } = ledgerOf(INITIAL_STATE);
  await block({ router: routerThatKnows('primary'), ledger, wakePhones }, input, requestOf());
  expect(recorded).toHaveLength(1);
});

test('nobody by that id leaves nothing in the ledger', async () => {
  const { ledger, recorded } = ledgerOf(INITIAL_STATE);
  const refused = block({ router: routerThatKnows('nobody'), ledger, wakePhones }, input, requestOf());
  await expect(refused).rejects.toMatchObject({ code: 'USER_NOT_FOUND' });
  expect(recorded).toEqual([]);
});

test('what the ledger did not take was not done', async () => {
  const act = () => Promise.reject(new Error('append unacknowledged'));
  const attempt = block({ router: routerThatKnows('standby'), ledger: { act }, wakePhones }, input, requestOf());
  await expect(attempt).rejects.toThrow('append unacknowledged');
});
