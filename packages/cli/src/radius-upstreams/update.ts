import { radiusUpstreamUpdate } from '@countersign/contracts';
import { command } from '../command.ts';
import { UsageError } from '../failure.ts';
import { given } from '../given.ts';
import { askForSharedSecret } from '../radius/shared-secret.ts';
import { printable } from '../terminal/printable.ts';
import { resolveUpstream, UPSTREAM_ARGUMENT } from './resolve.ts';
import { FILE_OPTION, readSettingsFile } from './settings-file.ts';

const COMMAND = 'radius-upstreams update';

export const radiusUpstreamsUpdate = command({
  name: COMMAND,
  summary: 'Change the name, the settings or the secret of an upstream RADIUS server.',
  details: 'The file replaces all settings. Refused when somebody else changed the server meanwhile.',
  arguments: { upstream: UPSTREAM_ARGUMENT },
  options: {
    name: { kind: 'text', description: 'Another name.' },
    file: FILE_OPTION,
    secret: { kind: 'flag', description: 'Another secret: it is asked for, or read from standard input.' },
  },
  examples: [
    'countersign radius-upstreams update NPS --file nps.json',
    'countersign radius-upstreams update NPS --secret',
  ],
  async run(session, input) {
    const { name, file } = input;
    if (name === undefined && file === undefined && !input.secret)
      throw new UsageError('Nothing to change was given.', COMMAND);
    const settings = file === undefined ? undefined : readSettingsFile(file, COMMAND);
    const secret = input.secret ? await askForSharedSecret(session, COMMAND) : undefined;
    const connection = await session.connection();
    const { upstreamId, version } = await resolveUpstream(connection, input.upstream);
    const upstream = await connection.ask(radiusUpstreamUpdate, {
      upstreamId,
      expectedVersion: version,
      ...given({ name, settings, secret }),
    });
    return { json: upstream, text: `${printable(upstream.name)} is changed, in version ${upstream.version}.\n` };
  },
});
