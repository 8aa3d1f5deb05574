import { useAction as useActionWith } from '@countersign/ui';
import { useHouse } from './context.tsx';

/** Runs one thing at a time, and says what went wrong with it in the language of the person. */
export function useAction(): ReturnType<typeof useActionWith> {
  return useActionWith(useHouse().problemOf);
}
