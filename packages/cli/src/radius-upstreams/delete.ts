import { radiusUpstreamDelete } from '@countersign/contracts';
import { command } from '../command.ts';
import { confirm } from '../terminal/confirm.ts';
import { printable } from '../terminal/printable.ts';
import { resolveUpstream, UPSTREAM_ARGUMENT } from './resolve.ts';

export const radiusUpstreamsDelete = command({
  name: 'radius-upstreams delete',
  summary: 'Forget an upstream RADIUS server that no RADIUS client needs.',
  arguments: { upstream: UPSTREAM_ARGUMENT },
  options: {},
  examples: ['countersign radius-upstreams delete NPS'],
  async run(session, input) {
    const connection = await session.connection();
    const { upstreamId, name } = await resolveUpstream(connection, input.upstream);
    await confirm(
      session,
      `This forgets the upstream RADIUS server ${name} (${upstreamId}), and the secret that it shares.`,
    );
    const done = await connection.ask(radiusUpstreamDelete, { upstreamId });
    return { json: done, text: `${printable(name)} is forgotten.\n` };
  },
});
