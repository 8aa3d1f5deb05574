import type { Migration } from './migration.ts';

/** What people have still to be told about their factors (AAL-26). A row is written with the change that it tells of. */
export const notices: Migration = {
  number: 8,
  name: 'notices',
  statements: [
    `create table notice (
      notice_id uuid constraint notice_pkey primary key,
      user_id uuid not null constraint notice_user_fkey references app_user on delete cascade,
      kind text not null,
      channel text not null constraint notice_channel_known check (channel in ('sms', 'mail')),
      authenticator_id uuid,
      phone_sealed text,
      created_at timestamptz not null,
      due_at timestamptz not null,
      tries smallint not null constraint notice_tries_positive check (tries >= 0),
      constraint notice_phone_complete check (channel = 'mail' or (authenticator_id is not null and phone_sealed is not null))
    )`,
    `create index notice_due_idx on notice (channel, due_at)`,
    `create index notice_user_idx on notice (user_id)`,
  ],
};
