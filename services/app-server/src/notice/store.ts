import { sql, type Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';

export type NoticeChannel = 'sms' | 'mail';

/** One notice to one place, with what is known of the person by now. */
export interface Notice {
  noticeId: string;
  userId: string;
  username: string;
  language: string;
  kind: string;
  /** Of a text message. */
  phone?: { authenticatorId: string; sealed: string };
  /** Of a mail. */
  mail?: string;
  createdAt: number;
  /** This one included. */
  tries: number;
}

export interface Take {
  channel: NoticeChannel;
  most: number;
  /** For so long it is nobody else's. */
  leaseMs: number;
  now: number;
}

export async function isAnyDue(db: Kysely<Schema>, channel: NoticeChannel, now: number): Promise<boolean> {
  const row = await db
    .selectFrom('notice')
    .select('notice_id')
    .where('channel', '=', channel)
    .where('due_at', '<=', new Date(now))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Claims what is due. Of several replicas each gets others. */
export async function takeDue(db: Kysely<Schema>, { channel, most, leaseMs, now }: Take): Promise<Notice[]> {
  const { rows } = await sql<{
    notice_id: string;
    user_id: string;
    username: string;
    language: string | null;
    mail: string | null;
    kind: string;
    authenticator_id: string | null;
    phone_sealed: string | null;
    created_at: Date;
    tries: number;
  }>`
    with due as (
      select notice_id from notice where channel = ${channel} and due_at <= ${new Date(now)}
      order by due_at limit ${most} for update skip locked
    ), taken as (
      update notice set due_at = ${new Date(now + leaseMs)}, tries = tries + 1
      from due where notice.notice_id = due.notice_id returning notice.*
    )
    select taken.*, u.username, u.language, u.mail from taken join app_user u on u.user_id = taken.user_id`.execute(db);
  return rows.map((row) => ({
    noticeId: row.notice_id,
    userId: row.user_id,
    username: row.username,
    language: row.language ?? 'en',
    kind: row.kind,
    ...(row.authenticator_id !== null &&
      row.phone_sealed !== null && { phone: { authenticatorId: row.authenticator_id, sealed: row.phone_sealed } }),
    ...(channel === 'mail' && row.mail !== null && { mail: row.mail }),
    createdAt: row.created_at.getTime(),
    tries: row.tries,
  }));
}

export async function putOff(db: Kysely<Schema>, noticeId: string, until: number): Promise<void> {
  await db
    .updateTable('notice')
    .set({ due_at: new Date(until) })
    .where('notice_id', '=', noticeId)
    .execute();
}

export async function settle(db: Kysely<Schema>, noticeId: string): Promise<void> {
  await db.deleteFrom('notice').where('notice_id', '=', noticeId).execute();
}

/** What no replica could ever send: there was no mail server all the while. */
export async function dropOlder(db: Kysely<Schema>, channel: NoticeChannel, before: number): Promise<void> {
  await db.deleteFrom('notice').where('channel', '=', channel).where('created_at', '<', new Date(before)).execute();
}
