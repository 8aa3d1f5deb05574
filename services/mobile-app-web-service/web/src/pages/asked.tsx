import { Alert, Button, CodeField, Dialog } from '@countersign/ui';
import type { Prompt } from '@countersign/device-protocol';
import { useEffect, useState, type FormEvent, type ReactNode } from 'react';
import { useHouse } from '../context.tsx';
import { agoIn, timeIn } from '../i18n/format.ts';
import { answer, unanswered, type Answered } from '../phone.ts';
import { addPasskey } from '../phone-passkey.ts';
import { codeOf } from '../protocol/problem.ts';
import type { Account } from '../store/records.ts';
import { Title } from '../title.tsx';
import { useAction } from '../use-action.ts';
import { useNow } from '../use-now.ts';
import { Outcome } from './outcome.tsx';

/**
 * One prompt, on the whole screen. What is shown is what is signed, and what is told afterwards is what the server signed.
 * @param isWaiting the last poll still had it.
 */
export function Asked({
  account,
  prompt,
  isWaiting,
  more,
  onClose,
}: {
  account: Account;
  prompt: Prompt;
  isWaiting: boolean;
  more: number;
  onClose: (isLater: boolean) => void;
}) {
  const { say, phone } = useHouse();
  const now = useNow();
  const [answered, setAnswered] = useState<Answered>();
  const [isLockNeeded, setLockNeeded] = useState(false);
  const { isBusy, problem, run } = useAction();
  const { displayed } = prompt;
  const decide = (decision: 'approve' | 'deny' | 'fraud', number?: string) =>
    run(async () => {
      try {
        setAnswered(await answer(phone, account.deviceId, prompt, { decision, number }));
      } catch (error) {
        setLockNeeded(codeOf(error) === 'PASSKEY_NEEDED');
        throw error;
      }
    });
  const turnOnLock = () =>
    run(async () => {
      await addPasskey(phone, account.deviceId);
      setLockNeeded(false);
    });

  // An answer that is under way tells more than that there is nothing to answer any more.
  const isOver = answered === undefined && !isBusy && (now >= displayed.expiresAt || !isWaiting);
  useEffect(() => {
    if (isOver) setAnswered(unanswered(prompt, now));
  }, [isOver, prompt, now]);
  if (answered !== undefined) {
    return (
      <main className="page asked">
        <Outcome answered={answered} application={displayed.application} onClose={() => onClose(false)} />
      </main>
    );
  }
  return (
    <main className="page asked">
      <Title text={say('prompt.title')} isUrgent />
      <Shown account={account} prompt={prompt} now={now} />
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {isLockNeeded ? (
        <Button isBusy={isBusy} onPress={turnOnLock}>
          {say('lock.on')}
        </Button>
      ) : null}
      <Decide digits={displayed.digits} isBusy={isBusy} onDecide={decide} />
      <div className="row">
        <Button kind="quiet" isDisabled={isBusy} onPress={() => onClose(true)}>
          {say('prompt.later')}
        </Button>
        {more === 0 ? null : <p className="muted">{say('prompt.more', more)}</p>}
      </div>
    </main>
  );
}

function Shown({ account, prompt: { displayed }, now }: { account: Account; prompt: Prompt; now: number }) {
  const { say, language } = useHouse();
  const { application, user, source, message, createdAt, expiresAt } = displayed;
  const when = `${agoIn(language, now - createdAt)} (${timeIn(language, createdAt)})`;
  const leftSeconds = Math.max(0, Math.ceil((expiresAt - now) / 1000));
  return (
    <dl className="facts panel">
      <Fact name={say('prompt.application')}>
        <strong className="asking">{application}</strong>
      </Fact>
      {message === undefined ? null : <Fact name={say('prompt.message')}>{message}</Fact>}
      <Fact name={say('prompt.user')}>{user}</Fact>
      {source === undefined ? null : <Fact name={say('prompt.source')}>{source}</Fact>}
      <Fact name={say('prompt.when')}>{when}</Fact>
      <Fact name={say('prompt.organisation')}>{account.organisation}</Fact>
      <Fact name={say('prompt.left')}>
        <span role="timer">{say('prompt.seconds', leftSeconds)}</span>
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>
        <bdi>{children}</bdi>
      </dd>
    </div>
  );
}

function Decide({
  digits,
  isBusy,
  onDecide,
}: {
  digits: number;
  isBusy: boolean;
  onDecide: (decision: 'approve' | 'deny' | 'fraud', number?: string) => void;
}) {
  const { say } = useHouse();
  const [number, setNumber] = useState('');
  const [wasTried, setTried] = useState(false);
  const [isDoubted, setDoubted] = useState(false);
  useEffect(() => setTried(false), [number]);
  const isWhole = new RegExp(`^[0-9]{${digits}}$`).test(number);
  const approve = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (isBusy || !isWhole) return;
    if (digits === 0) onDecide('approve');
    else onDecide('approve', number);
  };
  return (
    <form className="decide" onSubmit={approve} noValidate>
      {digits === 0 ? null : (
        <CodeField
          label={say('prompt.number')}
          hint={say('prompt.numberHint', digits)}
          name="number"
          value={number}
          onChange={(typed) => setNumber(typed.replaceAll(/\s/g, ''))}
          maxLength={digits}
          problem={wasTried && !isWhole ? say('prompt.numberWrong', digits) : undefined}
        />
      )}
      <div className="answers">
        <Button kind="main" type="submit" isBusy={isBusy}>
          {say('prompt.approve')}
        </Button>
        <Button isBusy={isBusy} onPress={() => onDecide('deny')}>
          {say('prompt.deny')}
        </Button>
        <Button kind="danger" isBusy={isBusy} onPress={() => setDoubted(true)}>
          {say('prompt.fraud')}
        </Button>
      </div>
      {isDoubted ? (
        <Dialog title={say('prompt.fraudTitle')} onClose={() => setDoubted(false)}>
          <p>{say('prompt.fraudText')}</p>
          <div className="actions">
            <Button
              kind="danger"
              onPress={() => {
                setDoubted(false);
                onDecide('fraud');
              }}
            >
              {say('prompt.fraudDo')}
            </Button>
            <Button onPress={() => setDoubted(false)}>{say('app.cancel')}</Button>
          </div>
        </Dialog>
      ) : null}
    </form>
  );
}
