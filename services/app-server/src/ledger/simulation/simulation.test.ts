import { describe, expect, test } from 'vitest';
import type { Variant } from './app-server.ts';
import { runSchedule, type Outcome } from './schedule.ts';
import { WRONG_VARIANTS } from './variants.ts';

// SIMULATION_SEED=466 SIMULATION_SCHEDULES=1 shows the schedule that broke a rule, step by step.
const FIRST_SEED = Number(process.env['SIMULATION_SEED'] ?? 1);
const SCHEDULES = Number(process.env['SIMULATION_SCHEDULES'] ?? 10_000);
/** A wrong ledger that is not found out within so many schedules would not be found out in CI. */
const SCHEDULES_FOR_A_WRONG_ONE = 1000;
const TIMEOUT_MS = 60_000 + SCHEDULES * 60;

describe('several app-servers over a ledger that is stale, slow, forgetful and loses acknowledgements', () => {
  test(
    `INV-1..9, 11, 22: nothing forbidden happens in ${SCHEDULES} schedules from seed ${FIRST_SEED}`,
    async () => {
      const seen = { allowed: 0, refused: 0, rolledBack: 0 };
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed += 1) {
        const outcome = await runSchedule(seed);
        if (outcome.violations.length > 0) expect.fail(await explained(seed));
        seen.allowed += outcome.allowed;
        seen.refused += outcome.refused;
        seen.rolledBack += outcome.lost > 0 ? 1 : 0;
      }
      process.stdout.write(
        `simulation: seeds ${FIRST_SEED} to ${FIRST_SEED + SCHEDULES - 1}, ${seen.allowed} let in, ${seen.refused} refused, messages lost in ${seen.rolledBack} schedules\n`,
      );
      // A simulation in which nobody gets in, or nothing goes wrong, would prove nothing.
      if (SCHEDULES < 100) return;
      expect(seen.allowed / SCHEDULES).toBeGreaterThan(1);
      expect(seen.rolledBack / SCHEDULES).toBeGreaterThan(0.2);
    },
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

async function explained(seed: number): Promise<string> {
  const { trace, violations } = await runSchedule(seed, { isTraced: true });
  const found = violations.map(({ invariant, what }) => `${invariant}: ${what}`).join('\n');
  return `${found}\nseed ${seed}:\n${trace}`;
}
