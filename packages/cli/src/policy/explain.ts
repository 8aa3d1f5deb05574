import { policyExplain } from '@countersign/contracts';
import { command } from '../command.ts';
import { table } from '../terminal/table.ts';
import { resolveApplication } from '../applications/resolve.ts';
import { SCOPE_OPTION } from './scope.ts';

export const policyExplainCommand = command({
  name: 'policy explain',
  summary: 'Show every value in force and which policy set it.',
  arguments: {
    path: { description: 'Only values whose path begins so, such as code or code.digits.', optional: true },
  },
  options: {
    application: { ...SCOPE_OPTION, description: 'What is in force for this application; without it globally.' },
  },
  examples: ['countersign policy explain', 'countersign policy explain messages --application Intranet'],
  async run(session, input) {
    const connection = await session.connection();
    const applicationId =
      input.application === undefined
        ? undefined
        : (await resolveApplication(connection, input.application)).applicationId;
    const { values: all } = await connection.ask(policyExplain, applicationId === undefined ? {} : { applicationId });
    const values = all.filter(({ path }) => isAtOrBelow(path, input.path));
    const rows = values.map(({ path, value, origin }) => [path, JSON.stringify(value), origin]);
    return {
      json: { ...(applicationId !== undefined && { applicationId }), values },
      text: rows.length === 0 ? 'No such value.\n' : table(['PATH', 'VALUE', 'SET BY'], rows),
    };
  },
});

function isAtOrBelow(path: string, beginning: string | undefined): boolean {
  return beginning === undefined || path === beginning || path.startsWith(`${beginning}.`);
}
