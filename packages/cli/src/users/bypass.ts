import { MAX_BYPASS_SECONDS, userBypass } from '@countersign/contracts';
import { command } from '../command.ts';
import { given } from '../given.ts';
import { printable } from '../terminal/printable.ts';
import { REASON_OPTION } from './reason.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersBypass = command({
  name: 'users bypass',
  summary: 'Let the next login of a user through without a second factor, once.',
  details: 'Whoever knows the password gets in with it. Make sure who asks, and keep the time short.',
  arguments: { user: USER_ARGUMENT },
  options: {
    reason: REASON_OPTION,
    for: {
      kind: 'seconds',
      minimum: 10,
      maximum: MAX_BYPASS_SECONDS,
      description: 'How long it may be used, such as 10m; 5 minutes unless given, a day at most.',
    },
  },
  examples: ['countersign users bypass alice --reason "Phone forgotten, called back on the desk line" --for 10m'],
  async run(session, input) {
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, input.user);
    const done = await connection.ask(userBypass, { userId, reason: input.reason, ...given({ seconds: input.for }) });
    const text = `The next login of ${printable(username)} needs no second factor, once, until ${done.expiresAt}.\n`;
    return { json: done, text };
  },
});
