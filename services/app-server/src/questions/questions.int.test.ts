import { MfaError, SECURITY_QUESTIONS, type PolicyDocument, type SecurityQuestion } from '@countersign/contracts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { set } from '../policy/set.ts';
import { requestOf, startHouse, type House, type Replica } from '../testing/house.ts';
import { create } from '../user/create.ts';
import { ask } from './ask.ts';
import { check } from './check.ts';
import { choose } from './choose.ts';
import { get } from './get.ts';

let house: House;
let a: Replica;
let b: Replica;
let policyVersion = 0;
let counter = 0;

beforeAll(async () => {
  house = await startHouse('questions');
  [a, b] = [await house.replica('a'), await house.replica('b')];
});
afterAll(() => house.stop());
beforeEach(() => setPolicy({ questions: { count: 3, ask: 2 } }));

async function setPolicy(document: PolicyDocument): Promise<void> {
  await set(a, { scope: 'global', expectedVersion: policyVersion, document }, requestOf());
  policyVersion += 1;
  await Promise.all([a, b].map(({ policies }) => policies.refresh()));
}

const portal = requestOf({ scopes: ['portal'] }).application;
const byPerson = () => ({ ...requestOf(), application: portal });
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof MfaError ? error.code : String(error)),
  );

interface Signed {
  userId: string;
  access: string;
}
async function signedIn(change: { confirmedAgoMs?: number; level?: 'enrolment' | 'full' } = {}): Promise<Signed> {
  const { userId } = await create(a, { username: `user-${counter++}` }, requestOf());
  const { confirmedAgoMs = 0, level = 'full' } = change;
  const now = a.now();
  const session = { sessionId: 'x'.repeat(22), userId, level, amr: ['pwd'], issuedAt: now, endsAt: now + 600_000 };
  return { userId, access: await a.evidence.issueAccess({ ...session, confirmedAt: now - confirmedAgoMs }, portal) };
}
const CHOSEN: readonly SecurityQuestion[] = SECURITY_QUESTIONS.slice(0, 3);
const answersTo = (questions: readonly SecurityQuestion[], prefix = 'answer to ') =>
  questions.map((question) => ({ question, answer: `${prefix}${question}` }));
async function chooser(): Promise<Signed> {
  const person = await signedIn();
  await choose(a, { access: person.access, answers: answersTo(CHOSEN) }, byPerson());
  return person;
}

test('a help desk hears whether all answers are right, on any replica, and it is written down with who asked', async () => {
  const { userId, access } = await chooser();
  expect(await get(b, { access }, byPerson())).toEqual({ count: 3, chosen: CHOSEN });
  const { questions } = await ask(b, { userId });
  expect(questions).toHaveLength(2);
  expect((await ask(a, { userId })).questions).toEqual(questions);
  const right = answersTo(questions, '  ANSWER  to ');
  expect(await check(b, { userId, answers: right }, requestOf())).toEqual({ userId, right: true });
  expect(await check(a, { userId, answers: right.toReversed() }, requestOf())).toEqual({ userId, right: true });
  for (const wrong of [0, 1]) {
    const answers = right.map((one, index) => (index === wrong ? { ...one, answer: 'nobody knows' } : one));
    expect(await check(a, { userId, answers }, requestOf())).toEqual({ userId, right: false });
  }
  const rows = await a.router.read(
    (db) => db.selectFrom('audit_event').selectAll().where('type', '=', 'questions.check').orderBy('at').execute(),
    { from: 'primary' },
  );
  expect(rows.map(({ actor, reason, user_id: of }) => [actor, reason, of])).toEqual(
    ['right', 'right', 'wrong', 'wrong'].map((reason) => ['helpdesk', reason, userId]),
  );
  const kept = await a.router.read((db) => db.selectFrom('question_answer').selectAll().execute(), { from: 'primary' });
  expect(JSON.stringify([rows, kept])).not.toMatch(/answer to|nobody knows/);
});

test('the questions are those that were asked, and no others, nor fewer', async () => {
  const { userId } = await chooser();
  const { questions } = await ask(a, { userId });
  const other = CHOSEN.find((question) => !questions.includes(question))!;
  for (const named of [[questions[0]!], [questions[0]!, other], CHOSEN, [questions[0]!, questions[0]!]]) {
    expect(await refusal(check(a, { userId, answers: answersTo(named) }, requestOf()))).toBe('REQUEST_INVALID');
  }
});

test('five tries an hour are answered, of many at once as well, and a repeated one is no other', async () => {
  const { userId } = await chooser();
  const { questions } = await ask(a, { userId });
  const wrong = { userId, answers: answersTo(questions, 'guess at ') };
  const first = requestOf();
  for (const on of [a, b]) expect(await check(on, wrong, first)).toEqual({ userId, right: false });
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, (_, n) => refusal(check(n % 2 === 0 ? a : b, wrong, requestOf()))),
  );
  expect(outcomes.filter((outcome) => outcome === 'none')).toHaveLength(4);
  expect(outcomes.filter((outcome) => outcome === 'TRY_LATER')).toHaveLength(8);
  const right = { userId, answers: answersTo(questions) };
  expect(await refusal(check(b, right, requestOf()))).toBe('TRY_LATER');
  const another = await chooser();
  expect(
    (await check(b, { userId: another.userId, answers: answersTo((await ask(b, another)).questions) }, requestOf()))
      .right,
  ).toBe(true);
});

test('choosing takes a second factor of the last minutes, of somebody who is signed in', async () => {
  const answers = answersTo(CHOSEN);
  const stale = await signedIn({ confirmedAgoMs: 400_000 });
  expect(await refusal(choose(a, { access: stale.access, answers }, byPerson()))).toBe('STEP_UP_NEEDED');
  const newcomer = await signedIn({ level: 'enrolment' });
  expect(await refusal(choose(a, { access: newcomer.access, answers }, byPerson()))).toBe('NOT_ALLOWED');
  expect(await refusal(get(a, { access: newcomer.access }, byPerson()))).toBe('NOT_ALLOWED');
});

test('as many as the policy says, each another question with another answer that is one', async () => {
  const { access } = await signedIn();
  const [one, two, three] = answersTo(CHOSEN) as [Answer, Answer, Answer];
  type Answer = ReturnType<typeof answersTo>[number];
  for (const answers of [
    [one, two],
    [one, two, { ...three, question: one.question }],
    [one, two, { ...three, answer: ` ${one.answer.toUpperCase()}` }],
    [one, two, { ...three, answer: ' a  ' }],
    [one, two, { ...three, answer: '\u200b\u200b\u200b' }],
  ]) {
    expect(await refusal(choose(a, { access, answers }, byPerson()))).toBe('REQUEST_INVALID');
  }
});

test('new ones take the place of those before', async () => {
  const { userId, access } = await chooser();
  const chosen = SECURITY_QUESTIONS.slice(5, 8);
  await choose(b, { access, answers: answersTo(chosen, 'new ') }, byPerson());
  const { questions } = await ask(a, { userId });
  expect(questions.every((question) => chosen.includes(question))).toBe(true);
  expect((await check(a, { userId, answers: answersTo(questions, 'new ') }, requestOf())).right).toBe(true);
});

test('nothing is asked of whoever chose none, nor where the policy has none', async () => {
  const { userId, access } = await signedIn();
  expect(await refusal(ask(a, { userId }))).toBe('QUESTIONS_MISSING');
  expect(await refusal(ask(a, { userId: crypto.randomUUID() }))).toBe('USER_NOT_FOUND');
  await setPolicy({});
  expect(await get(a, { access }, byPerson())).toMatchObject({ count: 0 });
  expect(await refusal(ask(a, { userId }))).toBe('NOT_ALLOWED');
  expect(await refusal(choose(a, { access, answers: answersTo(CHOSEN) }, byPerson()))).toBe('NOT_ALLOWED');
  expect(await refusal(check(a, { userId, answers: answersTo(CHOSEN) }, requestOf()))).toBe('NOT_ALLOWED');
});
