import { Alert, Button, Choice, CodeField, Spinner } from '@countersign/ui';
import { lazy, Suspense, useState, type FormEvent } from 'react';
import { Problem, type Output } from '../calls.ts';
import { useHouse } from '../context.tsx';
import { grouped } from '../i18n/format.ts';
import type { Say } from '../i18n/messages.ts';
import { Title } from '../title.tsx';
import { useAction } from '../use-action.ts';
import { useAccount } from '../use-account.ts';
import { Activation } from './activation.tsx';
import { RecoveryCodes } from './recovery-codes.tsx';

const PhoneNumber = lazy(async () => ({ default: (await import('./phone-number.tsx')).PhoneNumber }));

type Enrolled = Output<'enrol'>;
type FactorType = Enrolled['type'];

/** Best first: what nobody can be tricked out of (AAL-02). */
const ORDER: readonly FactorType[] = ['passkey', 'app', 'totp', 'phone', 'recovery'];

type Step =
  | { at: 'choose' }
  | { at: 'phone' }
  | { at: 'prove'; enrolled: Enrolled; phone?: string }
  /** With what the phone is called on which the app was activated. */
  | { at: 'offer-recovery'; phone?: string | undefined }
  | { at: 'recovery'; codes: string[] }
  | { at: 'done'; phone?: string | undefined };

/**
 * Adds a way to sign in, one step at a time. Nothing is kept here that a closed tab would lose: what was begun is begun again.
 * @param isFirst of somebody who has none yet, and sees nothing else before.
 */
export function Enrol({ isFirst = false, onClose }: { isFirst?: boolean; onClose?: () => void }) {
  const { say, request, arrive } = useHouse();
  const { account, problem: unread, reload } = useAccount();
  const [step, setStep] = useState<Step>({ at: 'choose' });
  const { isBusy, problem, run, setProblem } = useAction();

  const begin = (type: FactorType) => {
    if (type === 'phone') return setStep({ at: 'phone' });
    return run(async () => {
      // A phone with the app says itself what it is called.
      const isNamed = type === 'totp' || type === 'passkey';
      const enrolled = await request('enrol', isNamed ? { type, label: say(`factor.${type}`) } : { type });
      if (enrolled.codes !== undefined) setStep({ at: 'recovery', codes: enrolled.codes });
      else setStep({ at: 'prove', enrolled });
    });
  };
  const leave = () =>
    run(async () => {
      if (!isFirst) return onClose?.();
      const { standing } = await request('welcome', {});
      arrive(standing);
    });
  const again = () => {
    setProblem(undefined);
    setStep({ at: 'choose' });
  };

  const proved = (phone?: string) => {
    const hasCodes = account?.factors.some(({ type }) => type === 'recovery') ?? false;
    setStep({ at: hasCodes ? 'done' : 'offer-recovery', phone });
  };

  if (account === undefined) {
    return unread === undefined ? (
      <Spinner label={say('app.loading')} />
    ) : (
      <>
        <Alert tone="bad">{unread}</Alert>
        <Button onPress={reload}>{say('app.again')}</Button>
      </>
    );
  }
  const alert = problem === undefined ? null : <Alert tone="bad">{problem}</Alert>;

  switch (step.at) {
    case 'choose':
      return (
        <section className="panel">
          <Title text={isFirst ? say('enrol.firstTitle') : say('enrol.title')} />
          {isFirst ? <p>{say('enrol.firstText')}</p> : null}
          {alert}
          <ul className="list choices">
            {ORDER.filter((type) => account.may.enrol.includes(type)).map((type, index) => (
              <Choice
                key={type}
                title={say(`factor.${type}`)}
                {...(index === 0 && type === 'passkey' && { badge: say('enrol.recommended') })}
                onPress={() => begin(type)}
              >
                {say(`enrol.${type}`)}
              </Choice>
            ))}
          </ul>
          {isFirst ? null : (
            <Button kind="quiet" onPress={leave}>
              {say('app.back')}
            </Button>
          )}
        </section>
      );
    case 'phone':
      return (
        <section className="panel">
          <Title text={say('enrol.phoneTitle')} />
          {alert}
          <Suspense fallback={<Spinner label={say('app.loading')} />}>
            <PhoneNumber
              isBusy={isBusy}
              onNumber={(phone) =>
                run(async () =>
                  setStep({
                    at: 'prove',
                    phone,
                    enrolled: await request('enrol', { type: 'phone', phone, label: say('factor.phone') }),
                  }),
                )
              }
            />
          </Suspense>
          <Button kind="quiet" onPress={again}>
            {say('app.back')}
          </Button>
        </section>
      );
    case 'prove':
      return step.enrolled.type === 'app' ? (
        <Activation
          key={step.enrolled.authenticatorId}
          enrolled={step.enrolled}
          onActivated={proved}
          onAnew={async () => setStep({ at: 'prove', enrolled: await request('enrol', { type: 'app' }) })}
          onBack={again}
        />
      ) : (
        <Prove enrolled={step.enrolled} phone={step.phone} onProved={() => proved()} onBack={again} />
      );
    case 'offer-recovery':
      return (
        <section className="panel">
          <Title text={say('factor.recovery')} />
          <Alert tone="good">{doneIn(say, step.phone)}</Alert>
          <p>{say('enrol.recovery')}</p>
          {alert}
          <div className="actions">
            <Button kind="main" isBusy={isBusy} onPress={() => begin('recovery')}>
              {say('enrol.recoveryMake')}
            </Button>
            <Button kind="quiet" onPress={leave}>
              {say('enrol.recoveryLater')}
            </Button>
          </div>
        </section>
      );
    case 'recovery':
      return <RecoveryCodes codes={step.codes} onKept={() => setStep({ at: 'done' })} />;
    case 'done':
    default:
      return (
        <section className="panel">
          <Title text={say('enrol.doneTitle')} />
          <p>{doneIn(say, step.phone)}</p>
          {alert}
          <Button kind="main" isBusy={isBusy} onPress={leave}>
            {say('app.goOn')}
          </Button>
        </section>
      );
  }
}

function doneIn(say: Say, phone: string | undefined): string {
  const text = say('enrol.doneText');
  return phone === undefined ? text : `${say('enrol.appDone', phone)}. ${text}`;
}

/** Shows that the new way works, before it counts. */
function Prove({
  enrolled,
  phone,
  onProved,
  onBack,
}: {
  enrolled: Enrolled;
  phone: string | undefined;
  onProved: () => void;
  onBack: () => void;
}) {
  const { say, request } = useHouse();
  const [code, setCode] = useState('');
  const [isCopied, setCopied] = useState(false);
  const { isBusy, problem, run, setProblem } = useAction();
  const { authenticatorId, type, secret, qr, passkey } = enrolled;

  const confirm = (event: FormEvent) => {
    event.preventDefault();
    run(async () => {
      await request('confirm', { authenticatorId, code }).finally(() => setCode(''));
      onProved();
    });
  };
  const create = () =>
    run(async () => {
      const { createPasskey } = await import('../passkeys.ts');
      const created = await createPasskey(passkey ?? {}).catch(() => undefined);
      if (created === undefined) return setProblem(say('enrol.passkeyFailed'));
      try {
        await request('confirm', { authenticatorId, passkey: created });
      } catch (error) {
        if (!(error instanceof Problem) || error.code !== 'CODE_REJECTED') throw error;
        return setProblem(say('enrol.passkeyRefused'));
      }
      return onProved();
    });

  const titles: Partial<Record<FactorType, string>> = {
    totp: say('enrol.totpTitle'),
    phone: say('enrol.phoneCodeTitle'),
    passkey: say('enrol.passkeyTitle'),
  };
  return (
    <section className="panel">
      <Title key={type} text={titles[type] ?? ''} />
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {type === 'passkey' ? (
        <>
          <p>{say('enrol.passkeyText')}</p>
          <Button kind="main" isBusy={isBusy} onPress={create}>
            {say('enrol.passkeyCreate')}
          </Button>
        </>
      ) : (
        <>
          {type === 'totp' ? <p>{say('enrol.totpText')}</p> : null}
          {phone === undefined ? null : <p>{say('enrol.phoneCodeText', phone)}</p>}
          {qr === undefined ? null : <img className="qr" src={qr} alt={say('enrol.qr')} />}
          {secret === undefined ? null : (
            <div>
              <p className="muted">{say('enrol.cannotScan')}</p>
              <div className="row">
                <code className="secret">{grouped(secret)}</code>
                <Button
                  onPress={() => {
                    void navigator.clipboard.writeText(secret).then(() => setCopied(true));
                  }}
                >
                  {isCopied ? say('enrol.copied') : say('enrol.copy')}
                </Button>
              </div>
            </div>
          )}
          <form onSubmit={confirm}>
            <CodeField
              label={say('second.code')}
              name="code"
              value={code}
              onChange={setCode}
              isRequired
              maxLength={64}
            />
            <Button kind="main" type="submit" isBusy={isBusy} isDisabled={code.trim() === ''}>
              {say('enrol.confirm')}
            </Button>
          </form>
        </>
      )}
      <Button kind="quiet" onPress={onBack}>
        {say('app.back')}
      </Button>
    </section>
  );
}
