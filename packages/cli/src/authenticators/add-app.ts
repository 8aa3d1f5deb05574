import { authenticatorEnrol } from '@countersign/contracts';
import { command } from '../command.ts';
import { CommandError } from '../failure.ts';
import { given } from '../given.ts';
import { qrBlocks } from '../terminal/qr-blocks.ts';
import { card } from '../terminal/table.ts';
import { resolveUser, USER_ARGUMENT } from '../users/resolve.ts';

export const authenticatorsAddApp = command({
  name: 'authenticators add-app',
  summary:
    'Give a user the Countersign authenticator on a phone: shows a link, a QR code and twelve digits, this once.',
  details: 'It counts as soon as the phone has taken one of them; nothing is left to confirm.',
  arguments: { user: USER_ARGUMENT },
  options: { label: { kind: 'text', description: 'Name that tells it from others, such as "Work phone".' } },
  examples: [
    'countersign authenticators add-app alice',
    'countersign authenticators add-app alice --label "Work phone" --json',
  ],
  async run(session, input) {
    const connection = await session.connection();
    const { userId } = await resolveUser(connection, input.user);
    const enrolled = await connection.ask(authenticatorEnrol, {
      userId,
      type: 'app',
      ...given({ label: input.label }),
    });
    const { uri, activationCode } = enrolled;
    if (uri === undefined || activationCode === undefined) {
      throw new CommandError(
        'INTERNAL',
        'internal',
        'The server gave no link.',
        'Remove the authenticator and report it.',
      );
    }
    const fields = card({
      'Authenticator id': enrolled.authenticatorId,
      State: enrolled.state,
      'Activate before': enrolled.expiresAt,
      Link: uri,
      Code: activationCode.replaceAll(/(\d{3})(?=\d)/g, '$1 '),
    });
    const next = '\nShown this once. Open the link on the phone, or scan it there, or type the code into the app.\n';
    const text = `${session.json ? '' : await qrBlocks(uri, session.terminal.colour)}\n${fields}${next}`;
    return { json: enrolled, text };
  },
});
