import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { table } from '../terminal/table.ts';
import { flatten } from './path.ts';
import { resolveScope, SCOPE_OPTION } from './scope.ts';
import { readDocument } from './store-document.ts';

export const policyShow = command({
  name: 'policy show',
  summary: 'Show what a policy sets itself.',
  details: 'What it leaves out is inherited; policy explain shows everything that is in force.',
  arguments: {},
  options: { application: SCOPE_OPTION },
  examples: ['countersign policy show', 'countersign policy show --application Intranet --json > intranet.json'],
  async run(session, input) {
    const connection = await session.connection();
    const { scope, title } = await resolveScope(connection, input.application);
    const stored = await readDocument(connection, scope);
    const values = flatten(stored.document).filter(({ path }) => path !== '');
    const rows = values.map(({ path, value }) => [path, JSON.stringify(value)]);
    const heading = `Version ${stored.version} of ${printable(title)}\n\n`;
    const text =
      heading + (rows.length === 0 ? 'It sets nothing: everything is inherited.\n' : table(['PATH', 'VALUE'], rows));
    return { json: stored, text };
  },
});
