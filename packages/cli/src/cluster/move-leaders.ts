import { clusterStatus, leadersMove, type OutputOf } from '@countersign/contracts';
import { command } from '../command.ts';
import type { Connection } from '../connection.ts';
import { CommandError } from '../failure.ts';
import { given } from '../given.ts';
import { confirm } from '../terminal/confirm.ts';
import { table } from '../terminal/table.ts';

type Moved = OutputOf<typeof leadersMove>['moved'];

/** NATS draws who leads next. With three servers, that it has not drawn the right one after so many passes happens to nobody. */
const MOST_PASSES = 20;

export const clusterMoveLeaders = command({
  name: 'cluster move-leaders',
  summary: 'Let NATS servers give up the lead of streams: away from one server, or back to where each should be led.',
  details:
    'Before work on a server name it: what it leads is led by others then, and stopping it holds up nobody. App-servers leave it so for ' +
    '10 minutes, or until the command is given without a name. Each stream pauses for some milliseconds. The lead of JetStream itself is not moved; streams go on without it.',
  arguments: { server: { description: 'Name of the NATS server that shall lead nothing.', optional: true } },
  options: {},
  examples: ['countersign cluster move-leaders nats-2', 'countersign cluster move-leaders'],
  async run(session, { server }) {
    const connection = await session.connection();
    const led = await leadersOf(connection);
    if (server !== undefined && !led.servers.includes(server)) {
      throw new CommandError(
        'NATS_SERVER_NOT_FOUND',
        'notFound',
        `No stream is on a NATS server ${server}.`,
        `The servers: ${led.servers.join(', ') || 'one alone, whose streams nobody else could lead'}`,
      );
    }
    if (server === undefined && led.behind.length > 0) {
      throw new CommandError(
        'COPIES_BEHIND',
        'tryAgain',
        `${led.behind.join(', ')} lacks a part of some stream or is away: leaders stay where they are.`,
        'Wait until all copies have caught up: countersign cluster status',
      );
    }
    const now = led.streams.map(({ stream, leader }) => `${stream} is led by ${leader}.`);
    const aim =
      server === undefined
        ? 'What is led from elsewhere goes to where it should be.'
        : `${server} gives up what it leads.`;
    await confirm(session, ...now, aim);
    const moved: Moved = [];
    let left: string[] = [];
    for (let pass = 1; pass <= MOST_PASSES; pass += 1) {
      const outcome = await connection.ask(leadersMove, given({ server }));
      moved.push(...outcome.moved);
      left = outcome.left;
      if (left.length === 0) break;
    }
    if (left.length > 0) {
      throw new CommandError(
        'LEADERS_LEFT',
        'tryAgain',
        `${left.join(', ')} ${left.length === 1 ? 'is' : 'are'} still led from where it should not be.`,
        'Repeat the command. If it lasts, look whether all NATS servers run: countersign cluster status',
      );
    }
    return { json: { moved }, text: moved.length === 0 ? 'Nothing had to be moved.\n' : movedTable(moved) };
  },
});

async function leadersOf({ askEach }: Connection) {
  const answers = await askEach(clusterStatus, {});
  const view = answers.flatMap((answer) => ('error' in answer ? [] : [answer.output]))[0];
  const streams = (view?.streams ?? []).map(({ name, copies }) => ({
    stream: name,
    leader: copies.find(({ leads }) => leads)?.server ?? 'nobody',
    servers: copies.map(({ server }) => server),
  }));
  const behind = (view?.streams ?? []).flatMap(({ copies }) =>
    copies.flatMap((copy) => (copy.current ? [] : copy.server)),
  );
  return {
    streams,
    behind: [...new Set(behind)].toSorted(),
    servers: [...new Set(streams.flatMap(({ servers }) => servers))].toSorted(),
  };
}

function movedTable(moved: Moved): string {
  return table(
    ['MOVED', 'FROM', 'TO'],
    moved.map(({ what, from, to }) => [what, from, to]),
  );
}
