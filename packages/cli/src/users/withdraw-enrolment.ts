import { enrolmentWithdraw } from '@countersign/contracts';
import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersWithdrawEnrolment = command({
  name: 'users withdraw-enrolment',
  summary: 'Take back an access code that was not used.',
  arguments: { user: USER_ARGUMENT },
  options: {},
  examples: ['countersign users withdraw-enrolment alice'],
  async run(session, input) {
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, input.user);
    const done = await connection.ask(enrolmentWithdraw, { userId });
    return { json: done, text: `${printable(username)} has no access code any more.\n` };
  },
});
