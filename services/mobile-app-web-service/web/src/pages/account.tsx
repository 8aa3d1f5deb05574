import { Alert, Button } from '@countersign/ui';
import { useState } from 'react';
import { useHouse } from '../context.tsx';
import { changeKey } from '../phone.ts';
import { isPassing } from '../protocol/problem.ts';
import { Title } from '../title.tsx';
import { useAction } from '../use-action.ts';
import { History } from './history.tsx';
import { Lock } from './lock.tsx';
import { Remove } from './remove.tsx';
import { Rename } from './rename.tsx';
import { WakeUps } from './wake-ups.tsx';

export function AccountPage({ deviceId }: { deviceId: string }) {
  const { say, kept, phone } = useHouse();
  const [open, setOpen] = useState<'rename' | 'remove'>();
  const [message, setMessage] = useState<string>();
  const { isBusy, problem, run, setProblem } = useAction();
  const account = kept.accounts.find((one) => one.deviceId === deviceId);
  if (account === undefined) return <Title text={say('home.title')} />;
  const { organisation, user, label, server, isGone } = account;
  const change = () => {
    setMessage(undefined);
    run(async () => {
      try {
        await changeKey(phone, deviceId);
        setMessage(say('account.keyChanged'));
      } catch (error) {
        if (!isPassing(error)) throw error;
        setProblem(say('account.keyUnsure'));
      }
    });
  };
  return (
    <>
      <Title text={organisation} />
      {isGone ? <Alert tone="bad">{say('home.gone')}</Alert> : null}
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {message === undefined ? null : <Alert tone="good">{message}</Alert>}
      <section className="panel">
        <dl className="facts">
          <div className="fact">
            <dt>{say('account.user')}</dt>
            <dd>
              <bdi>{user}</bdi>
            </dd>
          </div>
          <div className="fact">
            <dt>{say('account.server')}</dt>
            <dd>{new URL(server).host}</dd>
          </div>
          <div className="fact">
            <dt>{say('account.label')}</dt>
            <dd>
              <bdi>{label}</bdi>
            </dd>
          </div>
        </dl>
        {isGone ? null : (
          <div className="actions">
            <Button isDisabled={isBusy} onPress={() => setOpen('rename')}>
              {say('account.rename')}
            </Button>
          </div>
        )}
      </section>
      {isGone ? null : (
        <section className="panel" aria-labelledby="key">
          <h2 id="key">{say('account.key')}</h2>
          <p className="muted">{say('account.keyText')}</p>
          <div className="actions">
            <Button isBusy={isBusy} onPress={change}>
              {say('account.changeKey')}
            </Button>
          </div>
        </section>
      )}
      {isGone ? null : <Lock account={account} />}
      {isGone ? null : <WakeUps account={account} />}
      <History deviceId={deviceId} />
      <Button kind="danger" onPress={() => setOpen('remove')}>
        {say('account.remove')}
      </Button>
      {open === 'rename' ? (
        <Rename
          account={account}
          onClose={() => setOpen(undefined)}
          onDone={() => {
            setOpen(undefined);
            setMessage(say('account.renamed'));
          }}
        />
      ) : null}
      {open === 'remove' ? <Remove account={account} onClose={() => setOpen(undefined)} /> : null}
    </>
  );
}
