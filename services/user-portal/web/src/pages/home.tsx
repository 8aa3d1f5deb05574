import { Alert, Button, Card, Dialog, Spinner, TextField } from '@countersign/ui';
import { useState, type FormEvent } from 'react';
import type { Output } from '../calls.ts';
import { useHouse } from '../context.tsx';
import { codesLeftIn, dateIn, minutesIn, timeIn } from '../i18n/format.ts';
import type { Say } from '../i18n/messages.ts';
import { Title } from '../title.tsx';
import { useAccount } from '../use-account.ts';
import { useAction } from '../use-action.ts';
import { Enrol } from './enrol.tsx';
import { History } from './history.tsx';
import { Pin, PinBanner } from './pin.tsx';
import { Questions } from './questions.tsx';
import { RecoveryCodes } from './recovery-codes.tsx';
import { Sessions } from './sessions.tsx';

type Account = Output<'account'>;
type Factor = Account['factors'][number];

type Open = { what: 'enrol' } | { what: 'codes'; codes: string[] } | { what: 'rename' | 'remove'; factor: Factor };

/** One's own sign-in: what one has, in which order one is asked, where one is signed in, and what happened. */
export function Home() {
  const { say, welcome, request } = useHouse();
  const { account, problem: unread, reload } = useAccount();
  const [open, setOpen] = useState<Open>();
  const { isBusy, problem, run } = useAction();
  const close = () => {
    setOpen(undefined);
    reload();
  };

  if (account === undefined) {
    return unread === undefined ? <Spinner label={say('app.loading')} /> : <Alert tone="bad">{unread}</Alert>;
  }
  if (open?.what === 'enrol') return <Enrol onClose={close} />;
  if (open?.what === 'codes') return <RecoveryCodes codes={open.codes} onKept={close} />;

  const newCodes = () =>
    run(async () => {
      const { codes = [] } = await request('enrol', { type: 'recovery' });
      setOpen({ what: 'codes', codes });
    });
  const { standing } = welcome;
  const name = standing.at === 'signed-in' ? standing.displayName : account.username;
  return (
    <>
      <Title text={say('home.title')}>{say('home.hello', name)}</Title>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {account.pin === undefined ? null : <PinBanner pin={account.pin} />}
      <section className="panel" aria-labelledby="factors">
        <div className="row">
          <h2 id="factors">{say('home.factors')}</h2>
          {account.may.enrol.length === 0 ? null : (
            <Button kind="main" onPress={() => setOpen({ what: 'enrol' })}>
              {say('home.add')}
            </Button>
          )}
        </div>
        <ul className="list">
          {account.factors
            .filter(({ state }) => state === 'active')
            .map((factor) => (
              <FactorCard
                key={factor.authenticatorId}
                factor={factor}
                may={account.may}
                isBusy={isBusy}
                onNewCodes={newCodes}
                onOpen={(what) => setOpen({ what, factor })}
              />
            ))}
        </ul>
      </section>
      {account.pin === undefined ? null : <Pin pin={account.pin} onChanged={reload} />}
      {account.may.chooseMethod && account.methods.length > 1 ? <Order account={account} onChanged={reload} /> : null}
      {account.may.bypassSeconds > 0 ? <Bypass seconds={account.may.bypassSeconds} /> : null}
      <Questions />
      <Sessions />
      {account.may.seeHistory ? <History /> : null}
      {open?.what === 'rename' ? <Rename factor={open.factor} onClose={close} /> : null}
      {open?.what === 'remove' ? <Remove factor={open.factor} onClose={close} /> : null}
    </>
  );
}

/** What one calls it. */
function nameOf(say: Say, { type, label }: Factor): string {
  if (type === 'recovery') return say('factor.recovery');
  if (type !== 'app') return label;
  return label === '' ? say('factor.app') : say('factor.appOn', label);
}

function FactorCard({
  factor,
  may,
  isBusy,
  onNewCodes,
  onOpen,
}: {
  factor: Factor;
  may: Account['may'];
  isBusy: boolean;
  onNewCodes: () => void;
  onOpen: (what: 'rename' | 'remove') => void;
}) {
  const { say, language } = useHouse();
  const { type, phone, codesLeft, synced, createdAt, lastUsedAt } = factor;
  const isRecovery = type === 'recovery';
  const name = nameOf(say, factor);
  return (
    <Card
      title={name}
      actions={
        <>
          {isRecovery && may.enrol.includes('recovery') ? (
            <Button isDisabled={isBusy} onPress={onNewCodes}>
              {say('home.newCodes')}
            </Button>
          ) : null}
          {may.rename && !isRecovery ? (
            <Button label={`${say('home.rename')}: ${name}`} onPress={() => onOpen('rename')}>
              {say('home.rename')}
            </Button>
          ) : null}
          {may.remove ? (
            <Button kind="danger" label={`${say('home.remove')}: ${name}`} onPress={() => onOpen('remove')}>
              {say('home.remove')}
            </Button>
          ) : null}
        </>
      }
    >
      <p className="muted">
        {[
          isRecovery || type === 'app' ? undefined : say(`factor.${type}`),
          phone,
          codesLeft === undefined ? undefined : codesLeftIn(language, codesLeft),
          synced === true ? say('home.synced') : undefined,
        ]
          .filter((part) => part !== undefined)
          .join(' · ')}
      </p>
      <p className="muted">
        {lastUsedAt === undefined
          ? say('home.added', dateIn(language, createdAt))
          : say('home.used', dateIn(language, lastUsedAt))}
      </p>
    </Card>
  );
}

function Order({ account, onChanged }: { account: Account; onChanged: () => void }) {
  const { say, request } = useHouse();
  const { isBusy, problem, run } = useAction();
  const { methods } = account;
  const move = (index: number, by: -1 | 1) =>
    run(async () => {
      const moved = methods.toSpliced(index, 1).toSpliced(index + by, 0, ...methods.slice(index, index + 1));
      await request('updateAccount', { methods: moved });
      onChanged();
    });
  return (
    <section className="panel" aria-labelledby="order">
      <h2 id="order">{say('home.order')}</h2>
      <p className="muted">{say('home.orderText')}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <ol className="list">
        {methods.map((method, index) => {
          const name = say(`method.${method}`);
          return (
            <Card
              key={method}
              title={`${index + 1}. ${name}`}
              actions={
                <>
                  <Button
                    label={say('home.up', name)}
                    isDisabled={isBusy || index === 0}
                    onPress={() => move(index, -1)}
                  >
                    ↑
                  </Button>
                  <Button
                    label={say('home.down', name)}
                    isDisabled={isBusy || index === methods.length - 1}
                    onPress={() => move(index, 1)}
                  >
                    ↓
                  </Button>
                </>
              }
            />
          );
        })}
      </ol>
    </section>
  );
}

function Bypass({ seconds }: { seconds: number }) {
  const { say, language, request } = useHouse();
  const [until, setUntil] = useState<string>();
  const { isBusy, problem, run } = useAction();
  return (
    <section className="panel" aria-labelledby="bypass">
      <h2 id="bypass">{say('home.bypass')}</h2>
      <p className="muted">{say('home.bypassText', minutesIn(language, seconds))}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {until === undefined ? (
        <div className="actions">
          <Button
            isBusy={isBusy}
            onPress={() => run(async () => setUntil((await request('bypass', { seconds })).expiresAt))}
          >
            {say('home.bypassDo')}
          </Button>
        </div>
      ) : (
        <Alert tone="good">{say('home.bypassDone', timeIn(language, until))}</Alert>
      )}
    </section>
  );
}

function Rename({ factor, onClose }: { factor: Factor; onClose: () => void }) {
  const { say, request } = useHouse();
  const [label, setLabel] = useState(factor.label);
  const { isBusy, problem, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run(async () => {
      await request('rename', { authenticatorId: factor.authenticatorId, label });
      onClose();
    });
  };
  return (
    <Dialog title={say('home.renameTitle')} onClose={onClose}>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <form onSubmit={submit}>
        <TextField label={say('home.label')} name="label" value={label} onChange={setLabel} maxLength={64} autoFocus />
        <div className="actions">
          <Button kind="main" type="submit" isBusy={isBusy} isDisabled={label.trim() === ''}>
            {say('app.save')}
          </Button>
          <Button onPress={onClose}>{say('app.cancel')}</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Remove({ factor, onClose }: { factor: Factor; onClose: () => void }) {
  const { say, request } = useHouse();
  const { isBusy, problem, run } = useAction();
  return (
    <Dialog title={say('home.removeTitle', nameOf(say, factor))} onClose={onClose}>
      <p>{say('home.removeText')}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <div className="actions">
        <Button
          kind="danger"
          isBusy={isBusy}
          onPress={() =>
            run(async () => {
              await request('remove', { authenticatorId: factor.authenticatorId });
              onClose();
            })
          }
        >
          {say('home.remove')}
        </Button>
        <Button onPress={onClose}>{say('app.cancel')}</Button>
      </div>
    </Dialog>
  );
}
