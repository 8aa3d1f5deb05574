import { directoryFind } from '@countersign/contracts';
import { command } from '../command.ts';
import { table } from '../terminal/table.ts';

export const directoriesList = command({
  name: 'directories list',
  summary: 'List the directories in the order in which they are asked, and their servers.',
  arguments: {},
  options: {},
  examples: ['countersign directories list', 'countersign directories list --json'],
  async run(session) {
    const { ask } = await session.connection();
    const { directories } = await ask(directoryFind, {});
    const rows = directories.map(({ name, settings, hasPassword, version, directoryId }) => [
      name,
      settings.kind,
      settings.urls.join(', '),
      hasPassword ? (settings.bindDn ?? '') : 'nobody',
      String(version),
      directoryId,
    ]);
    const text =
      rows.length === 0
        ? 'No directories.\n'
        : table(['NAME', 'KIND', 'SERVERS', 'ASKS AS', 'VERSION', 'DIRECTORY ID'], rows);
    return { json: { directories }, text };
  },
});
