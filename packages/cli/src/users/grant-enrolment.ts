import { enrolmentGrant } from '@countersign/contracts';
import { command } from '../command.ts';
import { given } from '../given.ts';
import { printable } from '../terminal/printable.ts';
import { REASON_OPTION } from './reason.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersGrantEnrolment = command({
  name: 'users grant-enrolment',
  summary: 'Give a user without any authenticator an access code to enrol the first one; shows it, this once.',
  details: 'It takes the place of an earlier one. Make sure who gets it: with the password it lets somebody in.',
  arguments: { user: USER_ARGUMENT },
  options: {
    reason: REASON_OPTION,
    for: {
      kind: 'seconds',
      minimum: 300,
      maximum: 604_800,
      description: 'How long it may be used, such as 4h; a day unless given, a week at most.',
    },
  },
  examples: ['countersign users grant-enrolment alice --reason "First day, identity card seen" --for 4h'],
  async run(session, input) {
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, input.user);
    const done = await connection.ask(enrolmentGrant, {
      userId,
      reason: input.reason,
      ...given({ validSeconds: input.for }),
    });
    return {
      json: done,
      text: `Access code of ${printable(username)}, once, until ${done.expiresAt}:\n\n  ${done.accessCode}\n\nNothing shows it again.\n`,
    };
  },
});
