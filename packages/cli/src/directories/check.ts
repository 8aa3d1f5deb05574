import { directoryCheck, type OutputOf } from '@countersign/contracts';
import { command } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { given } from '../given.ts';
import { card, table } from '../terminal/table.ts';
import { DIRECTORY_ARGUMENT, resolveDirectory } from './resolve.ts';

export const directoriesCheck = command({
  name: 'directories check',
  summary: 'Look whether each server of a directory answers, and what it says of a name.',
  details: 'No password is tried.',
  arguments: {
    directory: DIRECTORY_ARGUMENT,
    username: { description: 'A name in any spelling that people type.', optional: true },
  },
  options: {},
  examples: [
    "countersign directories check 'Hospital AD'",
    String.raw`countersign directories check 'Hospital AD' 'EXAMPLE\alice'`,
  ],
  async run(session, input) {
    const connection = await session.connection();
    const { directoryId } = await resolveDirectory(connection, input.directory);
    const found = await connection.ask(directoryCheck, { directoryId, ...given({ username: input.username }) });
    const isWell = found.servers.every(({ ok }) => ok);
    return {
      json: found,
      text: servers(found) + (input.username === undefined ? '' : `\n${person(found)}`),
      exitCode: isWell ? EXIT.ok.code : EXIT.checkFailed.code,
    };
  },
});

type Found = OutputOf<typeof directoryCheck>;

function servers(found: Found): string {
  const rows = found.servers.map(({ url, ok, ms, problem }) => [ok ? 'ok' : 'fail', url, `${ms} ms`, problem ?? '']);
  return table(['', 'SERVER', 'TIME', 'PROBLEM'], rows);
}

function person({ person: found }: Found): string {
  if (found === undefined) return 'It knows nobody of that name, or more than one.\n';
  const { dn, names, displayName, mail, language, phones, status, userId } = found;
  return card({
    Entry: dn,
    Names: names.join(', '),
    'Display name': displayName,
    Mail: mail,
    Language: language,
    Phones: phones.length === 0 ? undefined : phones.join(', '),
    Status: status,
    User: userId ?? 'none yet',
  });
}
