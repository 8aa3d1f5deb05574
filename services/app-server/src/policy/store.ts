import { MfaError } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';

export interface PolicyRow {
  scope: string;
  version: number;
  document: unknown;
}

/** The newest version of every scope. */
export function latestPolicies(router: Router): Promise<PolicyRow[]> {
  return router.read((db) =>
    db
      .selectFrom('policy')
      .distinctOn('scope')
      .select(['scope', 'version', 'document'])
      .orderBy('scope')
      .orderBy('version', 'desc')
      .execute(),
  );
}

/** The newest version of a scope as the primary has it. */
export async function latestPolicy(db: Kysely<Schema>, scope: string): Promise<PolicyRow | undefined> {
  return db
    .selectFrom('policy')
    .select(['scope', 'version', 'document'])
    .where('scope', '=', scope)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/**
 * Adds the next version of a scope; older ones stay as history.
 * @throws MfaError POLICY_CONFLICT when somebody else made that version first.
 */
export async function addPolicyVersion(db: Kysely<Schema>, row: PolicyRow, author: string, now: Date): Promise<void> {
  const { scope, version, document } = row;
  const inserted = await db
    .insertInto('policy')
    .values({ scope, version, document: JSON.stringify(document), author, created_at: now })
    .onConflict((conflict) => conflict.columns(['scope', 'version']).doNothing())
    .executeTakeFirst();
  if (inserted.numInsertedOrUpdatedRows !== 1n) throw new MfaError('POLICY_CONFLICT');
}
