import { Type, type Static } from 'typebox';
import { Access } from './evidence.ts';
import { Uuid } from './ids.ts';
import { operation } from './operation.ts';

const closed = { additionalProperties: false } as const;

/**
 * What a help desk may ask somebody who calls, before it does something for them. Never a way to sign in, and never enough alone (SP 800-63B-4
 * section 3.1.1.2 forbids it as an authenticator). Each is known to the person and found in no profile.
 */
export const SECURITY_QUESTIONS = [
  'first-teacher',
  'first-job',
  'first-film',
  'first-concert',
  'first-flight',
  'childhood-friend',
  'childhood-street',
  'childhood-dream',
  'childhood-book',
  'favourite-toy',
  'grandparents-town',
  'learned-to-swim',
] as const;
const SecurityQuestion = Type.Enum([...SECURITY_QUESTIONS]);
export type SecurityQuestion = Static<typeof SecurityQuestion>;

const Answers = Type.Array(
  Type.Object({ question: SecurityQuestion, answer: Type.String({ minLength: 1, maxLength: 128 }) }, closed),
  { minItems: 1, maxItems: 10 },
);

export const QuestionsView = Type.Object({
  count: Type.Integer({ description: 'How many a person chooses; 0: there are none in this house.' }),
  chosen: Type.Array(SecurityQuestion, { description: 'Answers are shown by nothing.' }),
});

/** Which questions a person has chosen. */
export const questionsGet = operation('questions.get', {
  scope: 'portal',
  changes: false,
  input: Type.Object({ access: Access }, closed),
  output: QuestionsView,
});

/** Chooses them, with their answers, in the place of those before. */
export const questionsChoose = operation('questions.choose', {
  scope: 'portal',
  changes: true,
  input: Type.Object({ access: Access, answers: Answers }, closed),
  output: QuestionsView,
});

/** Which of them the help desk asks somebody now: the same for about an hour, so that nobody asks until the right ones come. */
export const questionsAsk = operation('questions.ask', {
  scope: 'admin',
  changes: false,
  input: Type.Object({ userId: Uuid }, closed),
  output: Type.Object({ userId: Uuid, questions: Type.Array(SecurityQuestion) }),
});

/** Whether all of them were answered right; which one was not, nothing says. It lets nobody in and changes nothing. */
export const questionsCheck = operation('questions.check', {
  scope: 'admin',
  changes: true,
  input: Type.Object({ userId: Uuid, answers: Answers }, closed),
  output: Type.Object({ userId: Uuid, right: Type.Boolean() }),
});
