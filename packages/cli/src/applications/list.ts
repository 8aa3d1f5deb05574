import { applicationFind } from '@countersign/contracts';
import { command } from '../command.ts';
import { table } from '../terminal/table.ts';

export const applicationsList = command({
  name: 'applications list',
  summary: 'List the applications, their scopes and their keys.',
  arguments: {},
  options: {},
  examples: ['countersign applications list', 'countersign applications list --json'],
  async run(session) {
    const { ask } = await session.connection();
    const { applications } = await ask(applicationFind, {});
    const rows = applications.map(({ name, scopes, keys, certificates, applicationId }) => [
      name,
      scopes.join(', '),
      keys
        .map(({ keyId, expiresAt }) => (expiresAt === undefined ? keyId : `${keyId} (until ${expiresAt})`))
        .join(', '),
      String(certificates.length),
      applicationId,
    ]);
    const text =
      rows.length === 0
        ? 'No applications.\n'
        : table(['NAME', 'SCOPES', 'KEYS', 'CERTIFICATES', 'APPLICATION ID'], rows);
    return { json: { applications }, text };
  },
});
