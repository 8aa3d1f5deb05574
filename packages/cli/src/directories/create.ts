import { directoryCreate } from '@countersign/contracts';
import { command } from '../command.ts';
import { given } from '../given.ts';
import { printable } from '../terminal/printable.ts';
import { askForBindPassword } from './bind-password.ts';
import { AUTHORITIES_OPTION, FILE_OPTION, readSettingsFile } from './settings-file.ts';

export const directoriesCreate = command({
  name: 'directories create',
  summary: 'Make an Active Directory or an LDAP server known, whose people may sign in with their password.',
  details:
    'Where the settings name a service account (bindDn), its password is asked for, or read from standard input. ' +
    'See docs/operations/directory.md.',
  arguments: { name: { description: 'Name, as operators see it.' } },
  options: { file: { ...FILE_OPTION, required: true }, authorities: AUTHORITIES_OPTION },
  examples: [
    "countersign directories create 'Hospital AD' --file settings.json --authorities ca.pem",
    "countersign directories create 'Hospital AD' --file settings.json < password",
  ],
  async run(session, input) {
    const settings = readSettingsFile(input.file, input.authorities, 'directories create');
    const bindPassword =
      settings.bindDn === undefined ? undefined : await askForBindPassword(session, 'directories create');
    const { ask } = await session.connection();
    const directory = await ask(directoryCreate, { name: input.name, settings, ...given({ bindPassword }) });
    const name = printable(directory.name);
    return {
      json: directory,
      text: `${name} is known (${directory.directoryId}). Look whether it answers: countersign directories check ${JSON.stringify(name)}\n`,
    };
  },
});
