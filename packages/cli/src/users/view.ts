import type { UserView } from '@countersign/contracts';
import { authenticatorTable } from '../authenticators/view.ts';
import { card, table } from '../terminal/table.ts';

/** One user with everything that helps the helpdesk. */
export function userText(user: UserView): string {
  const fields = card({
    'User id': user.userId,
    Name: user.username,
    Aliases: user.aliases.length === 0 ? undefined : user.aliases.join(', '),
    'Display name': user.displayName,
    Language: user.language,
    Status: user.status,
    Blocked:
      user.blocked === undefined ? undefined : `${user.blocked.reason} (by ${user.blocked.by}, ${user.blocked.at})`,
    Prompts: user.promptsStopped && `stopped since ${user.promptsStopped.at} by a report; users unblock lifts that`,
    Created: user.createdAt,
    Changed: user.updatedAt,
  });
  return `${fields}\n${user.authenticators.length === 0 ? 'No authenticators.\n' : authenticatorTable(user.authenticators)}`;
}

export function userTable(users: readonly UserView[]): string {
  return table(
    ['NAME', 'DISPLAY NAME', 'STATUS', 'AUTHENTICATORS', 'USER ID'],
    users.map((user) => [
      user.username,
      user.displayName ?? '',
      statusOf(user),
      user.authenticators.map(({ type, state }) => (state === 'pending' ? `${type} (pending)` : type)).join(', '),
      user.userId,
    ]),
  );
}

function statusOf(user: UserView): string {
  const also = [user.blocked && 'blocked', user.promptsStopped && 'prompts stopped'];
  return [user.status, ...also.filter((part) => part !== undefined)].join(', ');
}
