import { MfaError, type InputOf, type OutputOf, type questionsAsk } from '@countersign/contracts';
import type { Router } from '../database/router.ts';
import type { KeyRing } from '../keys/ring.ts';
import type { Policies } from '../policy/policies.ts';
import { assertUser } from '../user/exists.ts';
import { askedNow, type Chosen } from './asked.ts';
import { answersOf, type KeptAnswer } from './store.ts';

export interface AskDependencies {
  router: Router;
  ring: KeyRing;
  policies: Pick<Policies, 'global'>;
  now: () => number;
}

/**
 * Says what to ask somebody who calls the help desk.
 * @throws MfaError USER_NOT_FOUND, NOT_ALLOWED where there are no questions, QUESTIONS_MISSING, UNAVAILABLE.
 */
export async function ask(
  deps: AskDependencies,
  { userId }: InputOf<typeof questionsAsk>,
): Promise<OutputOf<typeof questionsAsk>> {
  await assertUser(deps.router, userId);
  const answers = await deps.router.read((db) => answersOf(db, userId), { from: 'primary' });
  const { chosen, ask: count } = assertEnough(deps.policies, userId, answers);
  return { userId, questions: askedNow(deps.ring, chosen, count, deps.now()) };
}

/** @throws MfaError NOT_ALLOWED, QUESTIONS_MISSING. */
export function assertEnough(
  policies: AskDependencies['policies'],
  userId: string,
  answers: readonly KeptAnswer[],
): { chosen: Chosen; ask: number } {
  const { count, ask: wanted } = policies.global().questions;
  if (count === 0) throw new MfaError('NOT_ALLOWED', { reason: 'questions.count' });
  // A policy that asks for more than people choose asks for all.
  const needed = Math.min(wanted, count);
  if (answers.length < needed) throw new MfaError('QUESTIONS_MISSING');
  const chosenAt = Math.max(...answers.map(({ createdAt }) => createdAt));
  return { chosen: { userId, chosenAt, questions: answers.map(({ question }) => question) }, ask: needed };
}
