import type { InputOf, OutputOf, policyExplain } from '@countersign/contracts';
import { explainPolicy } from './effective.ts';
import type { Policies } from './policies.ts';

/** Every value in force, globally or for an application, and which scope set it. */
export function explain(
  { policies }: { policies: Policies },
  { applicationId }: InputOf<typeof policyExplain>,
): Promise<OutputOf<typeof policyExplain>> {
  return Promise.resolve({ values: explainPolicy(policies.layers(applicationId)) });
}
