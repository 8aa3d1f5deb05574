import { radiusUpstreamFind } from '@countersign/contracts';
import { command } from '../command.ts';
import { table } from '../terminal/table.ts';

export const radiusUpstreamsList = command({
  name: 'radius-upstreams list',
  summary: 'List the upstream RADIUS servers, each with its machines in the order in which they are asked.',
  arguments: {},
  options: {},
  examples: ['countersign radius-upstreams list', 'countersign radius-upstreams list --json'],
  async run(session) {
    const { ask } = await session.connection();
    const { upstreams } = await ask(radiusUpstreamFind, {});
    const rows = upstreams.map(({ name, settings, version, upstreamId }) => [
      name,
      settings.servers.map(({ host, port }) => `${host}:${port}`).join(', '),
      `${settings.tries} × ${settings.timeoutSeconds} s`,
      settings.requireMessageAuthenticator ? 'required' : 'not required',
      String(version),
      upstreamId,
    ]);
    const headings = ['NAME', 'SERVERS', 'TRIES', 'MESSAGE-AUTHENTICATOR', 'VERSION', 'UPSTREAM ID'];
    return { json: { upstreams }, text: rows.length === 0 ? 'No upstream RADIUS servers.\n' : table(headings, rows) };
  },
});
