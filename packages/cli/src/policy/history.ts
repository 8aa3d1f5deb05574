import { command } from '../command.ts';
import { table } from '../terminal/table.ts';
import { auditFind } from '@countersign/contracts';
import { isObject } from './path.ts';
import { resolveScope, SCOPE_OPTION } from './scope.ts';

interface PolicyChange {
  version: number;
  at: string;
  actor: string;
  document: unknown;
}

const DEFAULT_LIMIT = 20;

export const policyHistory = command({
  name: 'policy history',
  summary: 'List who changed a policy and when, newest first.',
  details: 'With --json, each version with its whole document, which policy apply takes back.',
  arguments: {},
  options: {
    application: SCOPE_OPTION,
    limit: {
      kind: 'integer',
      minimum: 1,
      maximum: 1000,
      description: `How many at most; ${DEFAULT_LIMIT} unless given.`,
    },
  },
  examples: ['countersign policy history', 'countersign policy history --application Intranet --json'],
  async run(session, { application, limit = DEFAULT_LIMIT }) {
    const connection = await session.connection();
    const { scope } = await resolveScope(connection, application);
    const changes: PolicyChange[] = [];
    let after: string | undefined;
    do {
      const page = await connection.ask(auditFind, {
        type: 'policy.set',
        limit: 200,
        ...(after !== undefined && { after }),
      });
      changes.push(
        ...page.events.flatMap(({ at, actor = '', detail }) => {
          const { scope: of, version, document } = isObject(detail) ? detail : {};
          return of === scope && typeof version === 'number' ? [{ version, at, actor, document }] : [];
        }),
      );
      after = page.next;
    } while (after !== undefined && changes.length < limit);
    const newest = changes.toSorted((a, b) => b.version - a.version).slice(0, limit);
    const rows = newest.map(({ version, at, actor }) => [String(version), at, actor]);
    return {
      json: { scope, changes: newest },
      text: rows.length === 0 ? 'Nobody changed it.\n' : table(['VERSION', 'AT', 'BY'], rows),
    };
  },
});
