import { clusterStatus, type OutputOf } from '@countersign/contracts';
import { command } from '../command.ts';
import { CommandError } from '../failure.ts';
import { table } from '../terminal/table.ts';

type View = OutputOf<typeof clusterStatus>;

export const clusterStatusCommand = command({
  name: 'cluster status',
  summary: 'Show app-servers, Postgres nodes and streams: versions, roles, lag, leaders.',
  details: 'Every app-server says how it sees what it runs on; where they differ, each of them is named.',
  arguments: {},
  options: {},
  examples: ['countersign cluster status', 'countersign cluster status --json'],
  async run(session) {
    const { askEach } = await session.connection();
    const answers = await askEach(clusterStatus, {});
    const views = answers.flatMap((answer) => ('error' in answer ? [] : [answer.output]));
    const [first] = views;
    if (first === undefined) {
      throw new CommandError(
        'REPLICAS_SILENT',
        'tryAgain',
        'No app-server answers.',
        'Start app-server, and look at its logs when it does not become ready: countersign doctor',
      );
    }
    return { json: { replicas: views }, text: [replicas(views), postgres(views), streams(first)].join('\n') };
  },
});

function replicas(views: readonly View[]): string {
  return table(
    ['APP-SERVER', 'VERSION', 'NODE', 'TAKES WORK', 'NATS SERVER', 'RUNS SINCE'],
    views.map(({ replica, version, node, takesWork, server, startedAt }) => [
      replica,
      version,
      node,
      takesWork ? 'yes' : 'no',
      server,
      startedAt,
    ]),
  );
}

/** One line per node and opinion: usually all replicas see the same. */
function postgres(views: readonly View[]): string {
  const opinions = new Map<string, { cells: string[]; by: string[] }>();
  for (const { replica, postgres: nodes } of views) {
    for (const { name, role, reachable } of nodes) {
      const cells = [name, reachable ? role : 'away'];
      const opinion = opinions.get(cells.join(' ')) ?? { cells, by: [] };
      opinion.by.push(replica);
      opinions.set(cells.join(' '), opinion);
    }
  }
  const lagOf = (name: string) =>
    views
      .flatMap(({ postgres: nodes }) => nodes.find((node) => node.name === name)?.lagMs ?? [])
      .toSorted((a, b) => b - a)[0];
  return table(
    ['POSTGRES', 'ROLE', 'LAG', 'SEEN BY'],
    [...opinions.values()].map(({ cells: [name = '', role = ''], by }) => {
      const lagMs = role === 'standby' ? lagOf(name) : undefined;
      return [
        name,
        role,
        lagMs === undefined ? '' : `${Math.round(lagMs)} ms`,
        by.length === views.length ? 'all' : by.join(', '),
      ];
    }),
  );
}

function streams({ streams: found }: View): string {
  return table(
    ['STREAM', 'MESSAGES', 'LEADER', 'COPIES'],
    found.map(({ name, messages, copies }) => [
      name,
      String(messages),
      copies.find(({ leads }) => leads)?.server ?? 'none',
      copies.map(({ server, current }) => (current ? server : `${server} (behind)`)).join(', ') || 'one server',
    ]),
  );
}
