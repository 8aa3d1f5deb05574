import type { Question } from '../../../src/api.ts';
import { useHouse } from '../context.tsx';
import { Title } from '../title.tsx';
import { QuestionForm } from './question-form.tsx';

/** The second factor of a sign-in. */
export function SecondFactor({ question, unasked }: { question: Question | undefined; unasked: string | undefined }) {
  const { say, arrive } = useHouse();
  return (
    <section className="panel">
      <Title text={say('second.title')} />
      <QuestionForm question={question} unasked={unasked} onStanding={arrive} />
    </section>
  );
}
