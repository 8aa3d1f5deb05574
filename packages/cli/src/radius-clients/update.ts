import { radiusClientUpdate, type RadiusClientSettings } from '@countersign/contracts';
import { resolveApplication } from '../applications/resolve.ts';
import { command } from '../command.ts';
import { UsageError } from '../failure.ts';
import { given } from '../given.ts';
import { askForSharedSecret, newSecretText } from '../radius/shared-secret.ts';
import { printable } from '../terminal/printable.ts';
import { ACCEPT_OPTION, withConfirmation } from './accept-forgeable.ts';
import { CLIENT_ARGUMENT, resolveClient } from './resolve.ts';
import { FILE_OPTION, readSettingsFile, type SettingsOfFile } from './settings-file.ts';

const COMMAND = 'radius-clients update';

export const radiusClientsUpdate = command({
  name: COMMAND,
  summary: 'Change the name, the settings or the secret of a RADIUS client.',
  details:
    'The file replaces all settings; what it leaves out is as by default, and the application stays unless it is named. Refused when ' +
    'somebody else changed the client meanwhile.',
  arguments: { client: CLIENT_ARGUMENT },
  options: {
    name: { kind: 'text', description: 'Another name.' },
    file: FILE_OPTION,
    application: { kind: 'text', description: 'Name or id of another application.' },
    'new-secret': { kind: 'flag', description: 'Another secret: it is made, and shown this once.' },
    secret: { kind: 'flag', description: 'Another secret of your own: it is asked for, or read from standard input.' },
    accept: ACCEPT_OPTION,
  },
  examples: [
    "countersign radius-clients update 'VPN Riga' --file vpn.json",
    "countersign radius-clients update 'VPN Riga' --new-secret",
  ],
  async run(session, input) {
    const { name, file, application } = input;
    const [isNew, isOwn] = [input['new-secret'], input.secret];
    if (isNew && isOwn) throw new UsageError('--new-secret and --secret are two ways to the same: give one.', COMMAND);
    if (name === undefined && file === undefined && application === undefined && !isNew && !isOwn)
      throw new UsageError('Nothing to change was given.', COMMAND);
    const fromFile = file === undefined ? undefined : readSettingsFile(file, COMMAND);
    const secret = isNew ? ('new' as const) : isOwn ? await askForSharedSecret(session, COMMAND) : undefined;
    const connection = await session.connection();
    const before = await resolveClient(connection, input.client);
    const applicationId =
      application === undefined ? undefined : (await resolveApplication(connection, application)).applicationId;
    const settings = changed(before.settings, fromFile, applicationId);
    const { clientId, version: expectedVersion } = before;
    const done = await withConfirmation(session, { accept: input.accept, commandName: COMMAND }, (confirmation) =>
      connection.ask(radiusClientUpdate, {
        clientId,
        expectedVersion,
        ...given({ name, settings, secret, confirmation }),
      }),
    );
    const { client } = done;
    const text = `${printable(client.name)} is changed, in version ${client.version}.\n${newSecretText(done.secret)}`;
    return { json: done, text };
  },
});

function changed(
  before: RadiusClientSettings,
  fromFile: SettingsOfFile | undefined,
  applicationId: string | undefined,
): RadiusClientSettings | undefined {
  if (fromFile === undefined && applicationId === undefined) return undefined;
  return {
    applicationId: before.applicationId,
    ...(fromFile ?? before),
    ...(applicationId !== undefined && { applicationId }),
  };
}
