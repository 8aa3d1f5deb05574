import { describe, expect, test } from 'vitest';
import type { Variant } from './app-server.ts';
import { expectNothingForbidden, FIRST_SEED, SCHEDULES, TIMEOUT_MS } from './nothing-forbidden.ts';
import { runSchedule, type Outcome } from './schedule.ts';
import { WRONG_VARIANTS } from './variants.ts';

/** A wrong ledger that is not found out within so many schedules would not be found out in CI. */
const SCHEDULES_FOR_A_WRONG_ONE = 1000;

describe('several app-servers over a ledger that is stale, slow, forgetful and loses acknowledgements', () => {
  test(
    `INV-1..9, 11, 22: nothing forbidden happens in ${SCHEDULES} schedules from seed ${FIRST_SEED}`,
    () => expect(expectNothingForbidden(FIRST_SEED)).resolves.toBeUndefined(),
    TIMEOUT_MS,
  );

  test('the same seed is the same schedule', async () => {
    const [first, second] = [await runSchedule(7, { isTraced: true }), await runSchedule(7, { isTraced: true })];
    expect(second.trace).toBe(first.trace);
    expect(first.trace.split('\n').length).toBeGreaterThan(50);
  });

  test.each(WRONG_VARIANTS)(
    'a ledger known to be wrong is found out: $name',
    async (variant) => {
      const caught = await firstViolation(variant);
      expect(caught?.violations[0]?.invariant).toMatch(/^INV-(1|2|4|5|7|9|22)\b/);
    },
    TIMEOUT_MS,
  );
});

async function firstViolation(variant: Variant): Promise<Outcome | undefined> {
  for (let seed = 1; seed <= SCHEDULES_FOR_A_WRONG_ONE; seed += 1) {
    const outcome = await runSchedule(seed, { variant });
    if (outcome.violations.length > 0) return outcome;
  }
  return undefined;
}
