import { MfaError, type InputOf, type OutputOf, type questionsChoose } from '@countersign/contracts';
import { personOf, type PersonDependencies } from '../account/person.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import { changeOnce, recordAdministration } from '../audit/administration.ts';
import type { Router } from '../database/router.ts';
import type { SecretHasher } from '../secret-hash/hash.ts';
import { recordNotices } from '../notice/record.ts';
import { lockUser } from '../user/lock.ts';
import { normalisedAnswer, ownerOf } from './answer.ts';
import { replaceAnswers } from './store.ts';

type Input = InputOf<typeof questionsChoose>;

const SHORTEST = 3;

/**
 * Keeps what a person wants to be asked by the help desk, in the place of what they chose before. It takes a second factor of the last minutes.
 * @throws MfaError SIGN_IN_NEEDED, STEP_UP_NEEDED, NOT_ALLOWED where there are none, REQUEST_INVALID, PRIMARY_UNAVAILABLE, UNAVAILABLE.
 */
export async function choose(
  deps: PersonDependencies & { router: Router; answerHashes: SecretHasher },
  { access, answers }: Input,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof questionsChoose>> {
  const { user } = await personOf(deps, access, 'fresh', request);
  const { userId } = user;
  const { count } = deps.policies.global().questions;
  if (count === 0) throw new MfaError('NOT_ALLOWED', { reason: 'questions.count' });
  const normalised = answers.map(({ question, answer }) => ({ question, answer: normalisedAnswer(answer) }));
  const invalid = faultsOf(normalised, count);
  if (invalid.length > 0) throw new MfaError('REQUEST_INVALID', { invalid });

  const hashed: { question: Input['answers'][number]['question']; hash: string }[] = [];
  using place = deps.answerHashes.enter('change');
  for (const { question, answer } of normalised) {
    hashed.push({ question, hash: await deps.answerHashes.hash(place, ownerOf(userId, question), answer) });
  }
  const at = deps.now();
  const chosen = hashed.map(({ question }) => question);
  await deps.router.write((db) =>
    changeOnce(db, request.attemptId, async (transaction) => {
      await lockUser(transaction, userId);
      await replaceAnswers(transaction, userId, hashed, new Date(at));
      await recordAdministration(transaction, {
        type: 'questions.choose',
        at,
        attemptId: request.attemptId,
        actor: request.application.name,
        userId,
        detail: { questions: chosen },
      });
      await recordNotices(transaction, { userId, kind: 'questions.changed', at });
    }),
  );
  return { count, chosen };
}

function faultsOf(answers: Input['answers'], count: number): { pointer: string; message: string }[] {
  const faults: { pointer: string; message: string }[] = [];
  const isDistinct = (values: string[]) => new Set(values).size === values.length;
  if (answers.length !== count) faults.push({ pointer: '/answers', message: `must be ${count} questions` });
  if (!isDistinct(answers.map(({ question }) => question))) {
    faults.push({ pointer: '/answers', message: 'must be different questions' });
  }
  if (!isDistinct(answers.map(({ answer }) => answer))) {
    faults.push({ pointer: '/answers', message: 'must be different answers' });
  }
  for (const [index, { answer }] of answers.entries()) {
    if (Array.from(answer).length < SHORTEST) {
      faults.push({ pointer: `/answers/${index}/answer`, message: `must be at least ${SHORTEST} characters` });
    }
  }
  return faults;
}
