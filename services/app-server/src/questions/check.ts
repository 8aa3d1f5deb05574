import { MfaError, type InputOf, type OutputOf, type questionsCheck } from '@countersign/contracts';
import type { Kysely } from 'kysely';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Schema } from '../database/schema.ts';
import type { SecretHasher } from '../secret-hash/hash.ts';
import { assertUser } from '../user/exists.ts';
import { lockUser } from '../user/lock.ts';
import { normalisedAnswer, ownerOf } from './answer.ts';
import { assertEnough, type AskDependencies } from './ask.ts';
import { askedLately } from './asked.ts';
import { answersOf } from './store.ts';

type Input = InputOf<typeof questionsCheck>;

const MOST_AN_HOUR = 5;
/** Or somebody who persists would go through all likely answers (R4). Who chooses anew begins anew. */
const MOST_A_MONTH = 15;
const HOUR_MS = 3_600_000;
const MONTH_MS = 30 * 24 * HOUR_MS;

/**
 * Holds what somebody said on the telephone against what they chose. The try is counted before anything is compared, so of many at once no
 * more are answered than an hour has; all answers are compared, so nothing tells which one was wrong.
 * @throws MfaError USER_NOT_FOUND, NOT_ALLOWED, QUESTIONS_MISSING, REQUEST_INVALID for other questions than were asked, TRY_LATER,
 * PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function check(
  deps: AskDependencies & { answerHashes: SecretHasher },
  { userId, answers }: Input,
  { attemptId, application }: AuthorisedRequest,
): Promise<OutputOf<typeof questionsCheck>> {
  await assertUser(deps.router, userId);
  const kept = await deps.router.read((db) => answersOf(db, userId), { from: 'primary' });
  const { chosen, ask } = assertEnough(deps.policies, userId, kept);
  const at = deps.now();
  const asked = askedLately(deps.ring, chosen, ask, at);
  const named = answers.map(({ question }) => question);
  if (!asked.some((set) => set.length === named.length && set.every((question) => named.includes(question)))) {
    throw new MfaError('REQUEST_INVALID', {
      invalid: [{ pointer: '/answers', message: 'must be those of questions.ask, of the last minutes' }],
    });
  }
  // Before a try is counted: whoever finds no place has lost none.
  using place = deps.answerHashes.enter('change');
  await deps.router.write((db) =>
    db
      .transaction()
      .execute((transaction) => countTry(transaction, { userId, attemptId, at, chosenAt: chosen.chosenAt })),
  );

  let right = true;
  for (const { question, answer } of answers) {
    const hash = kept.find((one) => one.question === question)?.hash;
    const owner = ownerOf(userId, question);
    const { isRight: isSame } = await deps.answerHashes.check(place, owner, normalisedAnswer(answer), hash);
    right = right && isSame;
  }
  await deps.router.write((db) =>
    changeOnce(db, attemptId, (transaction) =>
      recordAdministration(transaction, {
        type: 'questions.check',
        at,
        attemptId,
        actor: application.name,
        userId,
        reason: right ? 'right' : 'wrong',
        detail: { questions: named },
      }),
    ),
  );
  return { userId, right };
}

/** @throws MfaError TRY_LATER. */
async function countTry(
  db: Kysely<Schema>,
  { userId, attemptId, at, chosenAt }: { userId: string; attemptId: string; at: number; chosenAt: number },
): Promise<void> {
  await lockUser(db, userId);
  const since = new Date(Math.max(at - MONTH_MS, chosenAt - 1));
  await db.deleteFrom('question_try').where('user_id', '=', userId).where('at', '<=', since).execute();
  const before = await db
    .selectFrom('question_try')
    .select(['attempt_id', 'at'])
    .where('user_id', '=', userId)
    .orderBy('at')
    .execute();
  // The same attempt, repeated, is one try.
  if (before.some((one) => one.attempt_id === attemptId)) return;
  const times = before.map((one) => one.at.getTime());
  for (const { most, withinMs } of [
    { most: MOST_A_MONTH, withinMs: MONTH_MS },
    { most: MOST_AN_HOUR, withinMs: HOUR_MS },
  ]) {
    const within = times.filter((time) => time > at - withinMs);
    const [oldest = 0] = within;
    if (within.length < most) continue;
    const retryAfterSeconds = Math.max(1, Math.ceil((oldest + withinMs - at) / 1000));
    throw new MfaError('TRY_LATER', { retryAfterSeconds, reason: 'security questions' });
  }
  await db
    .insertInto('question_try')
    .values({ user_id: userId, attempt_id: attemptId, at: new Date(at) })
    .execute();
}
