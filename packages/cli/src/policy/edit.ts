import { command } from '../command.ts';
import { CommandError } from '../failure.ts';
import { parseDocument } from './document.ts';
import { replaceDocument } from './replace.ts';
import { resolveScope, SCOPE_OPTION } from './scope.ts';
import { readDocument } from './store-document.ts';

export const policyEdit = command({
  name: 'policy edit',
  summary: 'Change a policy in your editor.',
  details: 'Opens $VISUAL or $EDITOR with the document, shows what changes, and asks.',
  arguments: {},
  options: { application: SCOPE_OPTION },
  examples: ['countersign policy edit', 'EDITOR=nano countersign policy edit --application Intranet'],
  async run(session, input) {
    if (!session.terminal.interactive) {
      throw new CommandError(
        'NOT_CONFIRMED',
        'notConfirmed',
        'There is no screen for an editor.',
        'Use: countersign policy set, or countersign policy apply',
      );
    }
    const connection = await session.connection();
    const scope = await resolveScope(connection, input.application);
    const read = await readDocument(connection, scope.scope);
    const text = await session.terminal.edit(`${JSON.stringify(read.document, undefined, 2)}\n`, 'policy.json');
    return replaceDocument(session, connection, scope, read, parseDocument(text, 'The document').document);
  },
});
