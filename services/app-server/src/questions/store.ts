import { SECURITY_QUESTIONS, type SecurityQuestion } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { Schema } from '../database/schema.ts';

export interface KeptAnswer {
  question: SecurityQuestion;
  hash: string;
  createdAt: number;
}

/** In the order of the list. What a newer build put in besides is not asked. */
export async function answersOf(db: Kysely<Schema>, userId: string): Promise<KeptAnswer[]> {
  const rows = await db.selectFrom('question_answer').selectAll().where('user_id', '=', userId).execute();
  return SECURITY_QUESTIONS.flatMap((question) => {
    const row = rows.find((one) => one.question === question);
    return row === undefined ? [] : [{ question, hash: row.answer_hash, createdAt: row.created_at.getTime() }];
  });
}

export async function replaceAnswers(
  db: Kysely<Schema>,
  userId: string,
  answers: readonly { question: SecurityQuestion; hash: string }[],
  at: Date,
): Promise<void> {
  await db.deleteFrom('question_answer').where('user_id', '=', userId).execute();
  await db
    .insertInto('question_answer')
    .values(answers.map(({ question, hash }) => ({ user_id: userId, question, answer_hash: hash, created_at: at })))
    .execute();
}
