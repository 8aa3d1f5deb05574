import type { Migration } from './migration.ts';

export const pin: Migration = {
  number: 7,
  name: 'pin',
  statements: [
    `create table user_pin (
      user_id uuid constraint user_pin_pkey primary key
        constraint user_pin_user_fkey references app_user on delete cascade,
      hash text not null,
      earlier text[] not null constraint user_pin_earlier_few check (cardinality(earlier) <= 24),
      must_change boolean not null,
      set_at timestamptz not null
    )`,
  ],
};
