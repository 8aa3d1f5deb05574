import { replicaFind } from '@countersign/contracts';
import { command } from '../command.ts';
import { table } from '../terminal/table.ts';

export const replicasList = command({
  name: 'replicas list',
  summary: 'List who was invited or admitted, when, by whom, and until when.',
  arguments: {},
  options: { all: { kind: 'flag', description: 'Revoked ones as well.' } },
  examples: ['countersign replicas list', 'countersign replicas list --all --json'],
  async run(session, { all }) {
    const { ask } = await session.connection();
    const { replicas } = await ask(replicaFind, { all });
    const rows = replicas.map((replica) => [
      replica.name,
      replica.service,
      replica.state,
      replica.joinedAt ?? `invited ${replica.invitedAt}`,
      replica.invitedBy,
      replica.certificateExpiresAt ?? replica.invitationExpiresAt ?? '',
      replica.revokedAt === undefined
        ? ''
        : `${replica.revokedAt} by ${replica.revokedBy ?? ''}: ${replica.reason ?? ''}`,
    ]);
    const headings = ['NAME', 'SERVICE', 'STATE', 'JOINED', 'INVITED BY', 'UNTIL', 'REVOKED'];
    return { json: { replicas }, text: rows.length === 0 ? 'No replicas.\n' : table(headings, rows) };
  },
});
