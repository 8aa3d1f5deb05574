import type { InputOf, OutputOf, questionsGet } from '@countersign/contracts';
import { personOf, type PersonDependencies } from '../account/person.ts';
import type { AuthorisedRequest } from '../application/authorise.ts';
import type { Router } from '../database/router.ts';
import { answersOf } from './store.ts';

/** @throws MfaError SIGN_IN_NEEDED, NOT_ALLOWED for a newcomer, UNAVAILABLE. */
export async function get(
  deps: PersonDependencies & { router: Router },
  { access }: InputOf<typeof questionsGet>,
  request: AuthorisedRequest,
): Promise<OutputOf<typeof questionsGet>> {
  const { user } = await personOf(deps, access, 'full', request);
  const answers = await deps.router.read((db) => answersOf(db, user.userId));
  return { count: deps.policies.global().questions.count, chosen: answers.map(({ question }) => question) };
}
