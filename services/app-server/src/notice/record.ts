import { sql, type Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';
import type { LoginAuthenticator } from '../user/store.ts';
import type { NoticeKind } from './texts.ts';

export interface Change {
  userId: string;
  kind: NoticeKind;
  /** ms since the epoch. */
  at: number;
  /** What was added is told nothing: whoever added it holds it. */
  added?: string;
  /** A phone that was taken away is told as well: it may be the only one that its owner has. */
  removed?: LoginAuthenticator | undefined;
}

/**
 * Notes, in the transaction of a change, whom to tell of it: the phones that were there before, and the mail address. Both are there, or
 * neither, so no death of a replica loses a notice, and none is sent of what did not happen. Of the same kind one waits at a time.
 */
export async function recordNotices(
  transaction: Kysely<Schema>,
  { userId, kind, at, added, removed }: Change,
): Promise<void> {
  const time = new Date(at);
  await sql`
    insert into notice (notice_id, user_id, kind, channel, authenticator_id, phone_sealed, created_at, due_at, tries)
    select gen_random_uuid(), user_id, ${kind}::text, 'sms', authenticator_id, phone_sealed, ${time}::timestamptz, ${time}::timestamptz, 0
    from authenticator
    where user_id = ${userId} and type = 'phone' and state = 'active' and authenticator_id is distinct from ${added ?? null}::uuid
      and not exists (select from notice n where n.user_id = ${userId} and n.kind = ${kind} and n.authenticator_id = authenticator.authenticator_id)
    union all
    select gen_random_uuid(), user_id, ${kind}, 'mail', null, null, ${time}, ${time}, 0
    from app_user where user_id = ${userId} and mail is not null
      and not exists (select from notice n where n.user_id = ${userId} and n.kind = ${kind} and n.channel = 'mail')`.execute(
    transaction,
  );
  if (removed?.type !== 'phone' || removed.state !== 'active') return;
  await sql`
    insert into notice (notice_id, user_id, kind, channel, authenticator_id, phone_sealed, created_at, due_at, tries)
    values (gen_random_uuid(), ${userId}, ${kind}, 'sms', ${removed.authenticatorId}, ${removed.sealed}, ${time}, ${time}, 0)`.execute(
    transaction,
  );
}
