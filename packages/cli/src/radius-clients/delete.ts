import { radiusClientDelete } from '@countersign/contracts';
import { command } from '../command.ts';
import { confirm } from '../terminal/confirm.ts';
import { printable } from '../terminal/printable.ts';
import { CLIENT_ARGUMENT, resolveClient } from './resolve.ts';

export const radiusClientsDelete = command({
  name: 'radius-clients delete',
  summary: 'Forget a RADIUS client, and what was seen of it; within seconds it is answered no more.',
  arguments: { client: CLIENT_ARGUMENT },
  options: {},
  examples: ["countersign radius-clients delete 'VPN Riga'"],
  async run(session, input) {
    const connection = await session.connection();
    const { clientId, name } = await resolveClient(connection, input.client);
    await confirm(session, `This forgets the RADIUS client ${name} (${clientId}): nobody logs in through it any more.`);
    const done = await connection.ask(radiusClientDelete, { clientId });
    return { json: done, text: `${printable(name)} is forgotten.\n` };
  },
});
