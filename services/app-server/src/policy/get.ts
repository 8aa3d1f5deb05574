import type { InputOf, OutputOf, policyGet } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import { latestPolicy } from './store.ts';

/** The newest document of a scope; version 0 and an empty document where there is none. From the primary, so that an edit can start from it. */
export async function get(
  { router }: { router: Router },
  { scope }: InputOf<typeof policyGet>,
): Promise<OutputOf<typeof policyGet>> {
  const row = await router.read((db) => latestPolicy(db, scope), { from: 'primary' });
  return row ?? { scope, version: 0, document: {} };
}
