import { identityUnlink } from '@countersign/contracts';
import { command } from '../command.ts';
import { printable } from '../terminal/printable.ts';
import { REASON_OPTION } from './reason.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

export const usersUnlinkIdentity = command({
  name: 'users unlink-identity',
  summary: 'Forget who a user is at the OpenID provider, for a reason.',
  details: 'For somebody who has a new account there: the next sign-in by the provider that names the user is linked.',
  arguments: { user: USER_ARGUMENT },
  options: { reason: REASON_OPTION },
  examples: ['countersign users unlink-identity alice --reason "New account in Entra ID, ticket 4711"'],
  async run(session, { user: nameOrId, reason }) {
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, nameOrId);
    const done = await connection.ask(identityUnlink, { userId, reason });
    return { json: done, text: `${printable(username)} is nobody at the provider any more.\n` };
  },
});
