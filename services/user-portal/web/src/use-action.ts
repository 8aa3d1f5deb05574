import { useAction as useActionWith } from '@countersign/ui';
import { Problem } from './calls.ts';
import { useHouse } from './context.tsx';

/** Runs one thing at a time. Whoever was asked for a second factor and would rather not knows that nothing came of it. */
export function useAction(): ReturnType<typeof useActionWith> {
  const { problemOf } = useHouse();
  return useActionWith((error) => (isTurnedBack(error) ? undefined : problemOf(error)));
}

function isTurnedBack(error: unknown): boolean {
  return error instanceof Problem && error.code === 'STEP_UP_NEEDED';
}
