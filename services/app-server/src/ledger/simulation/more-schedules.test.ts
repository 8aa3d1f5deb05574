import { expect, test } from 'vitest';
import { expectNothingForbidden, FIRST_SEED, SCHEDULES, TIMEOUT_MS } from './nothing-forbidden.ts';

test(
  `INV-1..9, 11, 22: nothing forbidden happens in ${SCHEDULES} schedules from seed ${FIRST_SEED + SCHEDULES}`,
  () => expect(expectNothingForbidden(FIRST_SEED + SCHEDULES)).resolves.toBeUndefined(),
  TIMEOUT_MS,
);
