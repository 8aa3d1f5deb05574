import { Alert, Button, CodeField, PinField } from '@countersign/ui';
import { useEffect, useState, type FormEvent } from 'react';
import type { Question, Standing } from '../../../src/api.ts';
import { Problem } from '../calls.ts';
import { useHouse } from '../context.tsx';
import { useAction } from '../use-action.ts';
import { Approval } from './approval.tsx';

type Method = Question['alternatives'][number];

/** Which of them somebody has is not told where nothing could be asked. */
const METHODS: readonly Method[] = ['passkey', 'app', 'totp', 'sms', 'recovery'];
/** As long as the server makes one wait between two messages, usually. */
const RESEND_SECONDS = 30;

/** Asks for a second factor, by whichever way: while signing in, and once more later. */
export function QuestionForm({
  question,
  unasked,
  onStanding,
}: {
  question: Question | undefined;
  /** Code of the error for which there is none. */
  unasked?: string | undefined;
  onStanding: (standing: Standing) => void;
}) {
  const { say, language, request, problemOf } = useHouse();
  const [code, setCode] = useState('');
  const [pin, setPin] = useState('');
  const [said, setSaid] = useState<string>();
  const [resent, setResent] = useState(0);
  const { isBusy, problem, run, setProblem } = useAction();

  const answer = (event: FormEvent) => {
    event.preventDefault();
    run(async () => {
      try {
        onStanding(await request('answer', { code, ...(question?.pin === true && { pin }) }));
      } catch (error) {
        // It is not said which of the two it was.
        if (!(error instanceof Problem) || error.code !== 'CODE_REJECTED' || question?.pin !== true) throw error;
        setProblem(say('second.pinRejected'));
      } finally {
        setCode('');
        setPin('');
      }
    });
  };
  const withPasskey = (options: Record<string, unknown>) =>
    run(async () => {
      const { askPasskey } = await import('../passkeys.ts');
      const passkey = await askPasskey(options).catch(() => undefined);
      if (passkey === undefined) setProblem(say('second.passkeyFailed'));
      else onStanding(await request('answerWithPasskey', { passkey }));
    });
  const ask = (method?: Method) =>
    run(async () => {
      setCode('');
      setSaid(undefined);
      onStanding(await request('ask', method === undefined ? {} : { method }));
    });
  const resend = () =>
    run(async () => {
      onStanding(await request('resend', {}));
      setSaid(say('second.resent'));
      setResent((before) => before + 1);
    });

  if (question === undefined) {
    const reason = unasked === 'TRY_LATER' ? problemOf(new Problem(unasked, 60)) : say('second.none');
    return (
      <>
        <Alert tone="bad">{problem ?? reason}</Alert>
        <Button kind="main" isBusy={isBusy} onPress={() => ask()}>
          {say('app.again')}
        </Button>
        <Others methods={METHODS} isBusy={isBusy} onChoose={ask} />
      </>
    );
  }
  const { method, number, passkey, alternatives } = question;
  // Where the page has changed its language since, it says the same with fewer details.
  const prompt =
    question.language === language || method === 'bypass' ? question.prompt : say(`second.prompt.${method}`);
  return (
    <>
      {number === undefined ? <p>{prompt}</p> : null}
      {said === undefined ? null : <Alert tone="good">{said}</Alert>}
      {problem === undefined || number !== undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {number === undefined ? null : (
        <Approval
          key={question.expiresAt}
          number={number}
          prompt={prompt}
          problem={problem}
          isBusy={isBusy}
          onStanding={onStanding}
          onAskAgain={() => ask('app')}
        />
      )}
      {passkey === undefined ? null : (
        <Button kind="main" isBusy={isBusy} onPress={() => withPasskey(passkey)}>
          {say('second.passkey')}
        </Button>
      )}
      {number === undefined && passkey === undefined ? (
        <form onSubmit={answer}>
          <CodeField
            label={method === 'recovery' ? say('second.recoveryCode') : say('second.code')}
            name="code"
            isText={method === 'recovery'}
            value={code}
            onChange={setCode}
            isRequired
            autoFocus
            maxLength={64}
          />
          {question.pin === true ? (
            <PinField label={say('second.pin')} hint={say('second.pinHint')} name="pin" value={pin} onChange={setPin} />
          ) : null}
          <Button kind="main" type="submit" isBusy={isBusy} isDisabled={code.trim() === ''}>
            {say('second.submit')}
          </Button>
        </form>
      ) : null}
      {method === 'sms' ? <Resend key={`${question.expiresAt} ${resent}`} onPress={resend} /> : null}
      <Others methods={alternatives} isBusy={isBusy} onChoose={ask} />
    </>
  );
}

function Others({
  methods,
  isBusy,
  onChoose,
}: {
  methods: readonly Method[];
  isBusy: boolean;
  onChoose: (method: Method) => void;
}) {
  const { say } = useHouse();
  if (methods.length === 0) return null;
  return (
    <>
      <h2>{say('second.other')}</h2>
      <ul className="list choices">
        {methods.map((other) => (
          <li key={other}>
            <Button isDisabled={isBusy} onPress={() => onChoose(other)}>
              {say(`method.${other}`)}
            </Button>
          </li>
        ))}
      </ul>
    </>
  );
}

function Resend({ onPress }: { onPress: () => void }) {
  const { say } = useHouse();
  const [left, setLeft] = useState(RESEND_SECONDS);
  useEffect(() => {
    const timer = setInterval(() => setLeft((before) => Math.max(0, before - 1)), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <Button kind="quiet" isDisabled={left > 0} onPress={onPress}>
      {left > 0 ? say('second.resendIn', left) : say('second.resend')}
    </Button>
  );
}
