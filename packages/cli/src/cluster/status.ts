import type { NatsGreeting } from '@countersign/bus';
import { command } from '../command.ts';
import { CommandError } from '../failure.ts';
import { printable } from '../terminal/printable.ts';
import { table } from '../terminal/table.ts';
import { lookAround, type EdgeView, type ReplicaView } from './seen.ts';
import { notesOf, warningsOf } from './warnings.ts';

export const clusterStatusCommand = command({
  name: 'cluster status',
  summary:
    'Show app-servers, gateways, portals, what serves phones, Postgres, NATS and streams: versions, roles, lag, leaders; and what to look at.',
  details: 'Every app-server says how it sees what it runs on; where they differ, each of them is named.',
  arguments: {},
  options: {},
  examples: ['countersign cluster status', 'countersign cluster status --json'],
  async run(session) {
    const seen = await lookAround(await session.connection());
    const { replicas, edges, natsServers } = seen;
    const [first] = replicas;
    if (first === undefined) {
      throw new CommandError(
        'REPLICAS_SILENT',
        'tryAgain',
        'No app-server answers.',
        'Start app-server, and look at its logs when it does not become ready: countersign doctor',
      );
    }
    const warnings = warningsOf(seen);
    const notes = notesOf(seen);
    const parts = [
      appServers(replicas),
      edgeTable(edges),
      postgres(replicas),
      nats(natsServers, first),
      streams(first),
      ...(notes.length === 0 ? [] : [lines('Note:', notes)]),
      warnings.length === 0 ? 'Nothing to look at.\n' : lines('!', warnings),
    ];
    return { json: { replicas, gateways: edges, natsServers, warnings, notes }, text: parts.join('\n') };
  },
});

function lines(mark: string, sentences: readonly string[]): string {
  return sentences.map((sentence) => `${mark} ${printable(sentence)}\n`).join('');
}

function appServers(views: readonly ReplicaView[]): string {
  return table(
    ['APP-SERVER', 'VERSION', 'NODE', 'TAKES WORK', 'CLOCK', 'RECOVERY FLOOR', 'NATS SERVER', 'RUNS SINCE'],
    views.map((view) => [
      view.replica,
      view.version,
      view.node,
      view.takesWork ? 'yes' : 'no',
      clock(view),
      floor(view),
      view.server,
      view.startedAt,
    ]),
  );
}

/** How far the others are ahead of it, the furthest of them. */
function clock({ clocks = [] }: ReplicaView): string {
  const [furthest] = clocks.flatMap(({ aheadMs }) => aheadMs ?? []).toSorted((a, b) => Math.abs(b) - Math.abs(a));
  return furthest === undefined ? '' : `±${(Math.abs(furthest) / 1000).toFixed(1)} s`;
}

function floor({ floors = [] }: ReplicaView): string {
  if (floors.some(({ proven }) => !proven)) return 'unproven';
  return (
    floors
      .flatMap(({ at }) => at ?? [])
      .toSorted()
      .at(-1) ?? 'none'
  );
}

/** Gateways, portals, and what serves phones. */
function edgeTable(views: readonly EdgeView[]): string {
  return table(
    ['EDGE', 'VERSION', 'NODE', 'WORKS ON', 'WAITS FOR', 'NATS SERVER', 'RUNS SINCE'],
    views.map(({ replica, version, node, working, waiting, server, startedAt }) => [
      replica,
      version,
      node,
      String(working),
      String(waiting),
      server,
      startedAt,
    ]),
  );
}

/** One line per node and opinion: usually all replicas see the same. */
function postgres(views: readonly ReplicaView[]): string {
  const opinions = new Map<string, { cells: [name: string, role: string]; by: string[] }>();
  for (const { replica, postgres: nodes } of views) {
    for (const { name, role, reachable } of nodes) {
      const cells: [string, string] = [name, reachable ? role : 'away'];
      const opinion = opinions.get(cells.join(' ')) ?? { cells, by: [] };
      opinion.by.push(replica);
      opinions.set(cells.join(' '), opinion);
    }
  }
  const said = (name: string) => views.flatMap(({ postgres: nodes }) => nodes.find((node) => node.name === name) ?? []);
  return table(
    ['POSTGRES', 'VERSION', 'ROLE', 'LAG', 'WAITS FOR', 'SEEN BY'],
    [...opinions.values()].map(({ cells: [name, role], by }) => {
      const lagMs = role === 'standby' ? Math.max(...said(name).map((node) => node.lagMs ?? -1)) : -1;
      const confirmedBy = role === 'primary' ? said(name).flatMap((node) => node.confirmedBy ?? [])[0] : undefined;
      return [
        name,
        said(name).flatMap(({ version }) => version ?? [])[0] ?? '',
        role,
        lagMs < 0 ? '' : `${Math.round(lagMs)} ms`,
        confirmedBy === undefined ? '' : confirmedBy === '' ? 'nobody' : confirmedBy.replaceAll('"', ''),
        by.length === views.length ? 'all' : by.join(', '),
      ];
    }),
  );
}

function nats(greetings: readonly NatsGreeting[], { streams: found }: ReplicaView): string {
  const ledBy = (server: string) =>
    found.filter(({ copies }) => copies.some((copy) => copy.server === server && copy.leads)).map(({ name }) => name);
  return table(
    ['NATS', 'ADDRESS', 'VERSION', 'LEADS'],
    greetings.map(({ address, server }) =>
      server === undefined
        ? ['away', address, '', '']
        : [server.name, address, server.version, ledBy(server.name).join(', ')],
    ),
  );
}

function streams({ streams: found }: ReplicaView): string {
  return table(
    ['STREAM', 'MESSAGES', 'LEADER', 'COPIES'],
    found.map(({ name, messages, copies }) => [
      name,
      String(messages),
      copies.find(({ leads }) => leads)?.server ?? 'none',
      copies.map(copyText).join(', ') || 'one server',
    ]),
  );
}

function copyText({ server, current, behind }: ReplicaView['streams'][number]['copies'][number]): string {
  if (current) return server;
  return behind === undefined ? `${server} (behind)` : `${server} (behind by ${behind})`;
}
