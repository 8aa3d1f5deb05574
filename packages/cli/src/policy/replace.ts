import { isDeepStrictEqual } from 'node:util';
import type { Report } from '../command.ts';
import type { Connection } from '../connection.ts';
import type { Session } from '../session.ts';
import { confirm } from '../terminal/confirm.ts';
import { printable } from '../terminal/printable.ts';
import { flatten } from './path.ts';
import type { PolicyScope } from './scope.ts';
import { storeDocument, type StoredDocument } from './store-document.ts';

interface Difference {
  path: string;
  /** Absent: inherited. */
  before?: unknown;
  after?: unknown;
}

/** Shows what a new document changes, asks, and stores it. */
export async function replaceDocument(
  session: Session,
  connection: Connection,
  { title }: PolicyScope,
  read: StoredDocument,
  document: Record<string, unknown>,
): Promise<Report> {
  const changes = differences(read.document, document);
  if (changes.length === 0) return { json: { ...read, changes }, text: `Nothing changes in ${printable(title)}.\n` };
  const list = changes.map(
    (change) => `  ${change.path}: ${shown(change, 'before')} becomes ${shown(change, 'after')}`,
  );
  await confirm(session, `This changes ${title}:`, ...list);
  const stored = await storeDocument(connection, read, document);
  const text = [`Version ${stored.version} of ${title} is in force:`, ...list].map(printable).join('\n');
  return { json: { ...stored, changes }, text: `${text}\n` };
}

function differences(before: Record<string, unknown>, after: Record<string, unknown>): Difference[] {
  const [old, fresh] = [before, after].map(
    (document) => new Map(flatten(document).map(({ path, value }) => [path, value] as const)),
  );
  if (old === undefined || fresh === undefined) return [];
  const paths = [...new Set([...old.keys(), ...fresh.keys()])].filter((path) => path !== '');
  return paths
    .filter((path) => !isDeepStrictEqual(old.get(path), fresh.get(path)) || old.has(path) !== fresh.has(path))
    .map((path) => ({
      path,
      ...(old.has(path) && { before: old.get(path) }),
      ...(fresh.has(path) && { after: fresh.get(path) }),
    }));
}

function shown(change: Difference, side: 'before' | 'after'): string {
  return side in change ? JSON.stringify(change[side]) : 'inherited';
}
