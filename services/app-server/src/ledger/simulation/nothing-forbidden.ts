import { expect } from 'vitest';
import { runSchedule } from './schedule.ts';

/** So many schedules a test file, since each file has a processor of its own. */
export const SCHEDULES = Number(process.env['SIMULATION_SCHEDULES'] ?? 1250);
// SIMULATION_SEED=466 SIMULATION_SCHEDULES=1 shows the schedule that broke a rule, step by step.
export const FIRST_SEED = Number(process.env['SIMULATION_SEED'] ?? 1);
export const TIMEOUT_MS = 120_000 + SCHEDULES * 200;

/** Runs the schedules of SCHEDULES seeds and fails at the first that breaks a rule. */
export async function expectNothingForbidden(firstSeed: number): Promise<void> {
  const seen = { allowed: 0, refused: 0, rolledBack: 0 };
  for (let seed = firstSeed; seed < firstSeed + SCHEDULES; seed += 1) {
    const outcome = await runSchedule(seed);
    if (outcome.violations.length > 0) expect.fail(await explained(seed));
    seen.allowed += outcome.allowed;
    seen.refused += outcome.refused;
    seen.rolledBack += outcome.lost > 0 ? 1 : 0;
  }
  process.stdout.write(
    `simulation: seeds ${firstSeed} to ${firstSeed + SCHEDULES - 1}, ${seen.allowed} let in, ${seen.refused} refused, messages lost in ${seen.rolledBack} schedules\n`,
  );
  // A simulation in which nobody gets in, or nothing goes wrong, would prove nothing.
  if (SCHEDULES < 100) return;
  expect(seen.allowed / SCHEDULES).toBeGreaterThan(1);
  expect(seen.rolledBack / SCHEDULES).toBeGreaterThan(0.2);
}

async function explained(seed: number): Promise<string> {
  const { trace, violations } = await runSchedule(seed, { isTraced: true });
  const found = violations.map(({ invariant, what }) => `${invariant}: ${what}`).join('\n');
  return `${found}\nseed ${seed}:\n${trace}`;
}
