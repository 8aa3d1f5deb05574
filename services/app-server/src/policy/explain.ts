import type { InputOf, OutputOf, policyExplain } from '@countersign/contracts';
import { explainPolicy } from './effective.ts';
import type { Policies } from './policies.ts';

/**
 * Every value in force, globally or for an application, and which scope set it. Reads the documents again, so that whoever changed
 * one a moment ago, on another replica, sees it; while Postgres is away it explains what this replica goes by.
 */
export async function explain(
  { policies }: { policies: Policies },
  { applicationId }: InputOf<typeof policyExplain>,
): Promise<OutputOf<typeof policyExplain>> {
  await policies.refresh().catch(() => undefined);
  return { values: explainPolicy(policies.layers(applicationId)) };
}
