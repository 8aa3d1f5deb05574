import { MfaError, type DirectorySettings, type DirectoryView } from '@countersign/contracts';
import type { Kysely, Selectable } from 'kysely';
import { violatedConstraint } from '../database/failure.ts';
import type { Router } from '../database/router.ts';
import type { Schema } from '../database/schema.ts';

export type DirectoryRow = Selectable<Schema['directory']>;

/** Where the sealed password stands: it opens nowhere else (KEY-02). */
export function bindPasswordAt(directoryId: string): string {
  return `directory/bind_password_sealed/${directoryId}`;
}

export function readDirectories(router: Router, from?: 'primary'): Promise<DirectoryRow[]> {
  return router.read(
    (db) => db.selectFrom('directory').selectAll().orderBy('created_at').orderBy('name').execute(),
    from === undefined ? {} : { from },
  );
}

export async function readDirectory(db: Kysely<Schema>, directoryId: string): Promise<DirectoryRow> {
  const row = await db.selectFrom('directory').selectAll().where('directory_id', '=', directoryId).executeTakeFirst();
  if (row === undefined) throw new MfaError('DIRECTORY_NOT_FOUND');
  return row;
}

export function viewDirectory(row: DirectoryRow): DirectoryView {
  return {
    directoryId: row.directory_id,
    name: row.name,
    version: row.version,
    settings: row.settings as DirectorySettings,
    hasPassword: row.bind_password_sealed !== null,
    updatedAt: row.updated_at.toISOString(),
  };
}

/** @throws MfaError DIRECTORY_EXISTS in place of the database's complaint; anything else as it is. */
export function nameTaken(error: unknown): never {
  if (violatedConstraint(error) === 'directory_name_key') throw new MfaError('DIRECTORY_EXISTS', { cause: error });
  throw error;
}
