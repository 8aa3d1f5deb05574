import { keysJwks } from '@countersign/contracts';
import { command } from '../command.ts';
import { table } from '../terminal/table.ts';

export const keysList = command({
  name: 'keys list',
  summary: 'List the public keys of the signed results (JWKS).',
  arguments: {},
  options: {},
  examples: ['countersign keys list', 'countersign keys list --json > jwks.json'],
  async run(session) {
    const { ask } = await session.connection();
    const { keys } = await ask(keysJwks, {});
    const text =
      keys.length === 0
        ? 'No keys.\n'
        : table(
            ['KID', 'ALGORITHM', 'CURVE'],
            keys.map(({ kid, alg, crv }) => [kid, alg, crv]),
          );
    return { json: { keys }, text };
  },
});
