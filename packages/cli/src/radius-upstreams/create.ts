import { radiusUpstreamCreate } from '@countersign/contracts';
import { command } from '../command.ts';
import { askForSharedSecret } from '../radius/shared-secret.ts';
import { printable } from '../terminal/printable.ts';
import { FILE_OPTION, readSettingsFile } from './settings-file.ts';

export const radiusUpstreamsCreate = command({
  name: 'radius-upstreams create',
  summary: 'Make an upstream RADIUS server known, such as NPS, that checks passwords for RADIUS clients.',
  details:
    'The secret that it shares with us is asked for, or read from standard input. See docs/operations/radius.md.',
  arguments: { name: { description: 'Name, as operators see it.' } },
  options: { file: { ...FILE_OPTION, required: true } },
  examples: [
    'countersign radius-upstreams create NPS --file nps.json',
    'countersign radius-upstreams create NPS --file nps.json < secret',
  ],
  async run(session, input) {
    const settings = readSettingsFile(input.file, 'radius-upstreams create');
    const secret = await askForSharedSecret(session, 'radius-upstreams create');
    const { ask } = await session.connection();
    const upstream = await ask(radiusUpstreamCreate, { name: input.name, settings, secret });
    return { json: upstream, text: `${printable(upstream.name)} is known (${upstream.upstreamId}).\n` };
  },
});
