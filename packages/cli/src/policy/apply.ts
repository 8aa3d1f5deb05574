import { readFileSync } from 'node:fs';
import { command } from '../command.ts';
import { CommandError, UsageError } from '../failure.ts';
import type { Session } from '../session.ts';
import { parseDocument } from './document.ts';
import { replaceDocument } from './replace.ts';
import { resolveScope, SCOPE_OPTION } from './scope.ts';
import { readDocument } from './store-document.ts';

export const policyApply = command({
  name: 'policy apply',
  summary: 'Replace a whole policy by the document in a file.',
  details: 'The file holds a document, or what policy show --json printed. It shows what changes and asks.',
  arguments: { file: { description: 'A JSON file, or - for standard input (then with --yes).' } },
  options: { application: SCOPE_OPTION },
  examples: [
    'countersign policy apply global.json',
    'countersign policy apply intranet.json --application Intranet --yes',
  ],
  async run(session, input) {
    const { document, madeFrom } = parseDocument(await readText(session, input.file), input.file);
    const connection = await session.connection();
    const scope = await resolveScope(connection, input.application);
    const read = await readDocument(connection, scope.scope);
    if (madeFrom !== undefined && madeFrom.scope !== scope.scope) {
      throw new UsageError('The file was made from the policy of another scope. See --application.', 'policy apply');
    }
    if (madeFrom !== undefined && madeFrom.version !== read.version) {
      throw new CommandError(
        'POLICY_CONFLICT',
        'conflict',
        `The file was made from version ${madeFrom.version} of ${scope.title}, which is at version ${read.version} now.`,
        'Make it again from: countersign policy show --json',
      );
    }
    return replaceDocument(session, connection, scope, read, document);
  },
});

function readText({ terminal }: Session, file: string): Promise<string> | string {
  if (file === '-') return terminal.readInput();
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UsageError(`${JSON.stringify(file)} cannot be read (${code ?? 'unknown error'}).`, 'policy apply');
  }
}
