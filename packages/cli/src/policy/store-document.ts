import { isDeepStrictEqual } from 'node:util';
import { MfaError, policyGet, policySet } from '@countersign/contracts';
import type { Connection } from '../connection.ts';
import { isObject } from './path.ts';

export interface StoredDocument {
  scope: string;
  version: number;
  document: Record<string, unknown>;
}

export async function readDocument({ ask }: Connection, scope: string): Promise<StoredDocument> {
  const { version, document } = await ask(policyGet, { scope });
  return { scope, version, document: isObject(document) ? document : {} };
}

/**
 * Stores the next version, made from the one that was read.
 * @throws MfaError POLICY_CONFLICT when somebody else made one meanwhile. Our own, whose answer was lost, is found again.
 */
export async function storeDocument(
  connection: Connection,
  read: StoredDocument,
  document: Record<string, unknown>,
): Promise<StoredDocument> {
  const { scope, version } = read;
  try {
    const stored = await connection.ask(policySet, { scope, expectedVersion: version, document });
    return { scope, version: stored.version, document };
  } catch (error) {
    if (!(error instanceof MfaError) || error.code !== 'POLICY_CONFLICT') throw error;
    const now = await readDocument(connection, scope);
    if (now.version === version + 1 && isDeepStrictEqual(now.document, document)) return now;
    throw error;
  }
}
