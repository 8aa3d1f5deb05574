import { authenticatorEnrol } from '@countersign/contracts';
import { command } from '../command.ts';
import { CommandError } from '../failure.ts';
import { given } from '../given.ts';
import { qrBlocks } from '../terminal/qr-blocks.ts';
import { card } from '../terminal/table.ts';
import { resolveUser, USER_ARGUMENT } from '../users/resolve.ts';

const ALGORITHMS = ['SHA1', 'SHA256', 'SHA512'] as const;

export const authenticatorsAddTotp = command({
  name: 'authenticators add-totp',
  summary: 'Give a user an authenticator app: shows the secret and a QR code, this once.',
  details: 'It counts only after authenticators confirm with a code from the app.',
  arguments: { user: USER_ARGUMENT },
  options: {
    label: { kind: 'text', description: 'Name that tells it from others, such as "Work phone".' },
    algorithm: { kind: 'text', choices: ALGORITHMS, description: 'Hash; SHA1 unless given, which every app knows.' },
    digits: { kind: 'text', choices: ['6', '8'], description: 'Digits of a code.' },
    period: { kind: 'text', choices: ['30', '60'], description: 'Seconds that a code lasts.' },
  },
  examples: [
    'countersign authenticators add-totp alice',
    'countersign authenticators add-totp alice --label "Work phone" --json',
  ],
  async run(session, input) {
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, input.user);
    const enrolled = await connection.ask(authenticatorEnrol, {
      userId,
      type: 'totp',
      ...given({
        label: input.label,
        algorithm: input.algorithm as (typeof ALGORITHMS)[number] | undefined,
        digits: input.digits === undefined ? undefined : (Number(input.digits) as 6 | 8),
        periodSeconds: input.period === undefined ? undefined : (Number(input.period) as 30 | 60),
      }),
    });
    const { secret, uri } = enrolled;
    if (secret === undefined || uri === undefined) {
      throw new CommandError(
        'INTERNAL',
        'internal',
        'The server gave no secret.',
        'Remove the authenticator and report it.',
      );
    }
    const fields = card({
      'Authenticator id': enrolled.authenticatorId,
      State: enrolled.state,
      'Confirm before': enrolled.expiresAt,
      Secret: secret,
      Address: uri,
    });
    const next = `\nShown this once. Then: countersign authenticators confirm ${quoted(username)} ${enrolled.authenticatorId}\n`;
    const text = `${session.json ? '' : await qrBlocks(uri, session.terminal.colour)}\n${fields}${next}`;
    return { json: enrolled, text };
  },
});

/** For copying into a shell. */
function quoted(text: string): string {
  return /^[\w.@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
