import { questionsAsk, questionsCheck, type SecurityQuestion } from '@countersign/contracts';
import { command } from '../command.ts';
import { CommandError } from '../failure.ts';
import { printable } from '../terminal/printable.ts';
import { resolveUser, USER_ARGUMENT } from './resolve.ts';

const SENTENCES: Record<SecurityQuestion, string> = {
  'first-teacher': 'What was the name of your first teacher?',
  'first-job': 'Where did you earn your first money?',
  'first-film': 'What was the first film that you saw at a cinema?',
  'first-concert': 'Whom did you hear at your first concert?',
  'first-flight': 'Where did your first flight go to?',
  'childhood-friend': 'What was the name of your best friend as a child?',
  'childhood-street': 'In which street did you live when you started school?',
  'childhood-dream': 'What did you want to become as a child?',
  'childhood-book': 'Which book did you like best as a child?',
  'favourite-toy': 'What was the name of your favourite toy?',
  'grandparents-town': "In which town did your mother's parents live?",
  'learned-to-swim': 'Where did you learn to swim?',
};

export const usersQuestions = command({
  name: 'users questions',
  summary: 'Ask a user who calls some of their security questions, and say whether all answers are right.',
  details:
    'Nothing says which one was wrong, five tries an hour are answered, and each is in the audit. Right answers alone are too little to do ' +
    'anything for somebody: call back, or see an identity card.',
  arguments: { user: USER_ARGUMENT },
  options: {},
  examples: ['countersign users questions alice'],
  async run(session, input) {
    const connection = await session.connection();
    const { userId, username } = await resolveUser(connection, input.user);
    const { questions } = await connection.ask(questionsAsk, { userId });
    if (!session.terminal.interactive) {
      throw new CommandError(
        'NOT_CONFIRMED',
        'notConfirmed',
        'Security questions are asked of somebody, and nobody is there to type the answers.',
        'Run it at a terminal. Nothing was tried.',
      );
    }
    const answers: { question: SecurityQuestion; answer: string }[] = [];
    for (const question of questions) {
      const answer = await session.terminal.question(`${SENTENCES[question]} `, session.signal);
      if (answer === undefined || answer.trim() === '') {
        throw new CommandError('NOT_CONFIRMED', 'notConfirmed', 'A question was not answered.', 'Nothing was tried.');
      }
      answers.push({ question, answer });
    }
    const done = await connection.ask(questionsCheck, { userId, answers });
    return {
      json: done,
      text: done.right
        ? `All answers of ${printable(username)} are right.\n`
        : `Not all answers of ${printable(username)} are right. Do nothing for whoever is calling.\n`,
    };
  },
});
