import { authenticatorEnrol } from '@countersign/contracts';
import { command } from '../command.ts';
import { given } from '../given.ts';
import { printable } from '../terminal/printable.ts';
import { card } from '../terminal/table.ts';
import { resolveUser, USER_ARGUMENT } from '../users/resolve.ts';

export const authenticatorsAddPhone = command({
  name: 'authenticators add-phone',
  summary: 'Give a user a phone that gets codes by SMS.',
  details: 'A code is sent to it, and it counts after authenticators confirm; with --verified it counts at once.',
  arguments: {
    user: USER_ARGUMENT,
    phone: { description: 'Number in international form, such as +37120000012; spaces do not matter.' },
  },
  options: {
    label: { kind: 'text', description: 'Name that tells it from others, such as "Work phone".' },
    verified: { kind: 'flag', description: 'The number was checked elsewhere, so no code is needed.' },
  },
  examples: [
    'countersign authenticators add-phone alice "+371 2000 0012"',
    'countersign authenticators add-phone alice +37120000012 --verified --label "Work phone"',
  ],
  async run(session, input) {
    const connection = await session.connection();
    const { userId } = await resolveUser(connection, input.user);
    const enrolled = await connection.ask(authenticatorEnrol, {
      userId,
      type: 'phone',
      phone: input.phone.replaceAll(/[\s().-]/g, ''),
      ...given({ label: input.label, verified: input.verified ? true : undefined }),
    });
    const fields = card({
      'Authenticator id': enrolled.authenticatorId,
      State: enrolled.state,
      'Confirm before': enrolled.expiresAt,
    });
    const notice = enrolled.notice === undefined ? '' : `\nTell the person: ${printable(enrolled.notice)}\n`;
    return { json: enrolled, text: fields + notice };
  },
});
