import type { Migration } from './migration.ts';

/** What a help desk may ask people. Answers are kept as a password would be. */
export const questions: Migration = {
  number: 9,
  name: 'questions',
  statements: [
    `create table question_answer (
      user_id uuid not null constraint question_answer_user_fkey references app_user on delete cascade,
      question text not null,
      answer_hash text not null,
      created_at timestamptz not null,
      constraint question_answer_pkey primary key (user_id, question)
    )`,
    `create table question_try (
      user_id uuid not null constraint question_try_user_fkey references app_user on delete cascade,
      attempt_id text not null,
      at timestamptz not null,
      constraint question_try_pkey primary key (user_id, attempt_id)
    )`,
  ],
};
