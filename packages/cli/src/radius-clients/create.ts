import { radiusClientCreate } from '@countersign/contracts';
import { resolveApplication } from '../applications/resolve.ts';
import { command } from '../command.ts';
import { UsageError } from '../failure.ts';
import { given } from '../given.ts';
import { askForSharedSecret, newSecretText } from '../radius/shared-secret.ts';
import { printable } from '../terminal/printable.ts';
import { ACCEPT_OPTION, withConfirmation } from './accept-forgeable.ts';
import { FILE_OPTION, readSettingsFile } from './settings-file.ts';

export const radiusClientsCreate = command({
  name: 'radius-clients create',
  summary: 'Make a RADIUS client known, such as a VPN gateway; makes its secret and shows it, this once.',
  details: 'The application is the one whose policy counts. See docs/operations/radius.md.',
  arguments: { name: { description: 'Name, as operators see it.' } },
  options: {
    file: { ...FILE_OPTION, required: true },
    application: { kind: 'text', description: 'Name or id of its application, unless the file has applicationId.' },
    secret: { kind: 'flag', description: 'A secret of your own: it is asked for, or read from standard input.' },
    accept: ACCEPT_OPTION,
  },
  examples: [
    "countersign radius-clients create 'VPN Riga' --file vpn.json --application VPN",
    "countersign radius-clients create 'VPN Riga' --file vpn.json --application VPN --secret < secret",
  ],
  async run(session, input) {
    const fromFile = readSettingsFile(input.file, 'radius-clients create');
    const secret = input.secret ? await askForSharedSecret(session, 'radius-clients create') : undefined;
    const connection = await session.connection();
    const applicationId =
      input.application === undefined
        ? fromFile.applicationId
        : (await resolveApplication(connection, input.application)).applicationId;
    if (applicationId === undefined)
      throw new UsageError('Neither --application nor applicationId in the file was given.', 'radius-clients create');
    const settings = { ...fromFile, applicationId };
    const made = await withConfirmation(
      session,
      { accept: input.accept, commandName: 'radius-clients create' },
      (confirmation) =>
        connection.ask(radiusClientCreate, { name: input.name, settings, ...given({ secret, confirmation }) }),
    );
    const text = `${printable(made.client.name)} is known (${made.client.clientId}).\n${newSecretText(made.secret)}`;
    return { json: made, text };
  },
});
