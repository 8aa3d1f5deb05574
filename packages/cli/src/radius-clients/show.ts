import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { card } from '../terminal/table.ts';
import { knownBy, requirement } from './list.ts';
import { CLIENT_ARGUMENT, resolveClient } from './resolve.ts';

export const radiusClientsShow = command({
  name: 'radius-clients show',
  summary: 'Show a RADIUS client with its settings, as a file of settings has them; never its secret.',
  arguments: { client: CLIENT_ARGUMENT },
  options: {},
  examples: ["countersign radius-clients show 'VPN Riga'", "countersign radius-clients show 'VPN Riga' --json"],
  async run(session, input) {
    const client = await resolveClient(await session.connection(), input.client);
    const fields = card({
      Name: client.name,
      'Client id': client.clientId,
      'Asks from': knownBy(client),
      'Message-Authenticator': requirement(client),
      'Learnt at': client.learntAt,
      'Secret since': client.secretAt,
      Version: String(client.version),
      'Changed at': client.updatedAt,
    });
    const settings = JSON.stringify(client.settings, undefined, 2).split('\n').map(printable).join('\n');
    return { json: client, text: `${fields}\n${settings}\n` };
  },
});
