import { Alert, Button, TextField } from '@countersign/ui';
import { useEffect, useState, type FormEvent } from 'react';
import type { Input, Output } from '../calls.ts';
import { useHouse } from '../context.tsx';
import { useAction } from '../use-action.ts';

type View = Output<'questions'>;
type Row = Input<'chooseQuestions'>['answers'][number];

/** Their names alone: the schema is the server's, and the compiler holds the words to it. */
const QUESTIONS: readonly Row['question'][] = [
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
];

/** What the help desk may ask. Nothing is there where the house has none. */
export function Questions() {
  const { say, request } = useHouse();
  const [view, setView] = useState<View>();
  const [rows, setRows] = useState<readonly Row[]>();
  const [isKept, setKept] = useState(false);
  const { isBusy, problem, run } = useAction();
  useEffect(() => {
    let isHere = true;
    request('questions', {})
      .then((read) => isHere && setView(read))
      .catch(() => undefined);
    return () => {
      isHere = false;
    };
  }, []);
  if (view === undefined || view.count === 0) return null;

  const begin = () => {
    setKept(false);
    setRows(QUESTIONS.slice(0, view.count).map((question) => ({ question, answer: '' })));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (rows === undefined) return;
    run(async () => {
      setView(await request('chooseQuestions', { answers: [...rows] }));
      setRows(undefined);
      setKept(true);
    });
  };
  return (
    <section className="panel" aria-labelledby="questions">
      <h2 id="questions">{say('home.questions')}</h2>
      <p className="muted">{say('home.questionsText')}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {isKept ? <Alert tone="good">{say('home.questionsKept')}</Alert> : null}
      {rows === undefined ? (
        <div className="row">
          <span>{say('home.questionsChosen', view.chosen.length)}</span>
          <Button onPress={begin}>
            {view.chosen.length === 0 ? say('home.questionsChoose') : say('home.questionsAnew')}
          </Button>
        </div>
      ) : (
        <form onSubmit={submit}>
          {rows.map((row, index) => (
            <QuestionRow
              // Its place is what it is: two rows never change places.
              key={index}
              number={index + 1}
              row={row}
              taken={rows.map(({ question }) => question)}
              onChange={(changed) => setRows(rows.with(index, changed))}
            />
          ))}
          <div className="actions">
            <Button onPress={() => setRows(undefined)}>{say('app.cancel')}</Button>
            <Button
              kind="main"
              type="submit"
              isBusy={isBusy}
              isDisabled={rows.some(({ answer }) => answer.trim() === '')}
            >
              {say('app.save')}
            </Button>
          </div>
        </form>
      )}
    </section>
  );
}

function QuestionRow({
  number,
  row,
  taken,
  onChange,
}: {
  number: number;
  row: Row;
  taken: readonly Row['question'][];
  onChange: (row: Row) => void;
}) {
  const { say } = useHouse();
  return (
    <>
      <label>
        <span>{say('home.question', number)}</span>
        <select
          value={row.question}
          onChange={({ target }) => {
            const question = QUESTIONS.find((one) => one === target.value);
            if (question !== undefined) onChange({ ...row, question });
          }}
        >
          {QUESTIONS.filter((one) => one === row.question || !taken.includes(one)).map((one) => (
            <option key={one} value={one}>
              {say(`question.${one}`)}
            </option>
          ))}
        </select>
      </label>
      <TextField
        label={say('home.answer', number)}
        name={`answer-${number}`}
        hint={say('home.answerHint')}
        autoComplete="off"
        value={row.answer}
        onChange={(answer) => onChange({ ...row, answer })}
        isRequired
        maxLength={128}
      />
    </>
  );
}
