import { keysJwks, keysPhones } from '@countersign/contracts';
import { command } from '../command.ts';
import { table } from '../terminal/table.ts';

export const keysList = command({
  name: 'keys list',
  summary: 'List the public keys of the signed results (JWKS), or of what phones are told.',
  arguments: {},
  options: {
    of: { kind: 'text', choices: ['results', 'phones'], description: 'What the keys sign; results unless given.' },
  },
  examples: ['countersign keys list', 'countersign keys list --json > jwks.json', 'countersign keys list --of phones'],
  async run(session, { of }) {
    const { ask } = await session.connection();
    if (of === 'phones') {
      const { keys } = await ask(keysPhones, {});
      const rows = keys.map(({ kid, keySet, signsFrom, trusted }) => [
        kid,
        String(keySet),
        signsFrom,
        trusted ? 'trusted' : 'replaced',
      ]);
      return { json: { keys }, text: table(['KID', 'KEY SET', 'SIGNS FROM', 'STATE'], rows) };
    }
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
