import { Alert, Button, Dialog, Spinner } from '@countersign/ui';
import { useEffect, useRef, useState } from 'react';
import type { Question, Standing } from '../../../src/api.ts';
import { useHouse } from '../context.tsx';
import { QuestionForm } from './question-form.tsx';

/** A second factor once more, before something sensitive. */
export function StepUp({ onDone, onCancel }: { onDone: () => void; onCancel: () => void }) {
  const { say, request, arrive, problemOf } = useHouse();
  const [question, setQuestion] = useState<Question>();
  const [problem, setProblem] = useState<string>();
  const advance = (standing: Standing) => {
    const asked = standing.at === 'signed-in' ? standing.question : undefined;
    setQuestion(asked);
    if (asked !== undefined) return;
    arrive(standing);
    onDone();
  };
  const begin = useRef(() => {
    request('ask', {})
      .then(advance)
      .catch((error: unknown) => setProblem(problemOf(error)));
  });
  useEffect(() => begin.current(), []);
  return (
    <Dialog title={say('stepUp.title')} onClose={onCancel}>
      <p>{say('stepUp.text')}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {question === undefined && problem === undefined ? <Spinner label={say('app.loading')} /> : null}
      {question === undefined ? null : <QuestionForm question={question} onStanding={advance} />}
      <Button kind="quiet" onPress={onCancel}>
        {say('app.cancel')}
      </Button>
    </Dialog>
  );
}
