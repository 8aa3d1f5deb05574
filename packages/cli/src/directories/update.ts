import { directoryUpdate } from '@countersign/contracts';
import { command } from '../command.ts';
import { UsageError } from '../failure.ts';
import { given } from '../given.ts';
import { printable } from '../terminal/printable.ts';
import { askForBindPassword } from './bind-password.ts';
import { DIRECTORY_ARGUMENT, resolveDirectory } from './resolve.ts';
import { AUTHORITIES_OPTION, FILE_OPTION, readSettingsFile } from './settings-file.ts';

export const directoriesUpdate = command({
  name: 'directories update',
  summary: 'Change the name, the settings or the password of a directory.',
  details: 'The file replaces all settings. Refused when somebody else changed the directory meanwhile.',
  arguments: { directory: DIRECTORY_ARGUMENT },
  options: {
    name: { kind: 'text', description: 'Another name.' },
    file: FILE_OPTION,
    authorities: AUTHORITIES_OPTION,
    password: {
      kind: 'flag',
      description: 'Another password of the service account: it is asked for, or read from standard input.',
    },
  },
  examples: [
    "countersign directories update 'Hospital AD' --file settings.json --authorities ca.pem",
    "countersign directories update 'Hospital AD' --password",
  ],
  async run(session, input) {
    const { name, file, authorities } = input;
    if (file === undefined && authorities !== undefined) {
      throw new UsageError('--authorities goes with --file, which replaces all settings.', 'directories update');
    }
    if (name === undefined && file === undefined && !input.password) {
      throw new UsageError('Nothing to change was given.', 'directories update');
    }
    const settings = file === undefined ? undefined : readSettingsFile(file, authorities, 'directories update');
    const bindPassword = input.password ? await askForBindPassword(session, 'directories update') : undefined;
    const connection = await session.connection();
    const { directoryId, version } = await resolveDirectory(connection, input.directory);
    const directory = await connection.ask(directoryUpdate, {
      directoryId,
      expectedVersion: version,
      ...given({ name, settings, bindPassword }),
    });
    return { json: directory, text: `${printable(directory.name)} is changed, in version ${directory.version}.\n` };
  },
});
