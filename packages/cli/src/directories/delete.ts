import { directoryDelete } from '@countersign/contracts';
import { command } from '../command.ts';
import { confirm } from '../terminal/confirm.ts';
import { printable } from '../terminal/printable.ts';
import { DIRECTORY_ARGUMENT, resolveDirectory } from './resolve.ts';

export const directoriesDelete = command({
  name: 'directories delete',
  summary: 'Forget a directory. Its users stay, and sign in by password no more.',
  arguments: { directory: DIRECTORY_ARGUMENT },
  options: {},
  examples: ["countersign directories delete 'Hospital AD'"],
  async run(session, input) {
    const connection = await session.connection();
    const { directoryId, name } = await resolveDirectory(connection, input.directory);
    await confirm(
      session,
      `This forgets the directory ${name} (${directoryId}): its users cannot sign in by password, and whoever it disables is not kept out.`,
    );
    const done = await connection.ask(directoryDelete, { directoryId });
    return { json: done, text: `${printable(name)} is forgotten.\n` };
  },
});
