import { Alert, Button } from '@countersign/ui';
import { useEffect, useState } from 'react';
import { Problem, type Output } from '../calls.ts';
import { useHouse } from '../context.tsx';
import { inThrees, spelled, timeIn } from '../i18n/format.ts';
import { Title } from '../title.tsx';
import { useAction } from '../use-action.ts';

type Enrolled = Output<'enrol'>;

const LOOK_MS = 2000;
/** What may be otherwise two seconds later; and how a portal of the release before says that no phone has come yet. */
const NOT_YET: ReadonlySet<string> = new Set([
  'CHALLENGE_NOT_FOUND',
  'UNAVAILABLE',
  'PRIMARY_UNAVAILABLE',
  'IDEMPOTENCY_KEY_BUSY',
  'TRY_LATER',
  'OFFLINE',
]);

/** Shows what activates the app on a phone, three ways, and goes on when a phone has taken one of them. */
export function Activation({
  enrolled: { authenticatorId, uri = '', qr, activationCode, expiresAt },
  onActivated,
  onAnew,
  onBack,
}: {
  enrolled: Enrolled;
  /** @param phone what it is called, where that is known. */
  onActivated: (phone: string | undefined) => void;
  onAnew: () => Promise<void>;
  onBack: () => void;
}) {
  const { say, language, now, request, problemOf } = useHouse();
  const [isOver, setOver] = useState(false);
  const [isCopied, setCopied] = useState(false);
  const { isBusy, problem, run, setProblem } = useAction();

  useEffect(() => {
    let isHere = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      // Nobody looks on; the phone may have the page to itself.
      if (document.visibilityState === 'visible') {
        const outcome = await activated().catch((error: unknown) => error);
        if (!isHere) return undefined;
        if (outcome === true) return onActivated(await nameOf());
        if (outcome !== false) {
          setProblem(problemOf(outcome));
          return setOver(true);
        }
      }
      if (expiresAt !== undefined && now() > Date.parse(expiresAt)) return setOver(true);
      timer = setTimeout(() => void look(), LOOK_MS);
      return undefined;
    };
    timer = setTimeout(() => void look(), LOOK_MS);
    return () => {
      isHere = false;
      clearTimeout(timer);
    };
    // Of this code: another one has a picture of its own.
  }, [authenticatorId]);

  async function activated(): Promise<boolean> {
    try {
      const { state } = await request('confirm', { authenticatorId, app: 'activated' });
      return state === 'active';
    } catch (error) {
      if (error instanceof Problem && NOT_YET.has(error.code)) return false;
      throw error;
    }
  }

  /** It counts either way. */
  async function nameOf(): Promise<string | undefined> {
    const account = await request('account', {}).catch(() => undefined);
    return account?.factors.find((factor) => factor.authenticatorId === authenticatorId)?.label;
  }

  const back = (
    <Button kind="quiet" onPress={onBack}>
      {say('app.back')}
    </Button>
  );
  if (isOver) {
    return (
      <section className="panel">
        <Title text={say('enrol.appTitle')} />
        <Alert tone="bad">{problem ?? say('enrol.appExpired')}</Alert>
        <Button kind="main" isBusy={isBusy} onPress={() => run(onAnew)}>
          {say('enrol.appAnew')}
        </Button>
        {back}
      </section>
    );
  }
  return (
    <section className="panel">
      <Title text={say('enrol.appTitle')} />
      <p>{say('enrol.appText')}</p>
      {qr === undefined ? null : <img className="qr" src={qr} alt={say('enrol.appQr')} />}
      <p className="muted">{say('enrol.appLink')}</p>
      <a className="button link-button" href={uri} target="_blank" rel="noreferrer">
        {say('enrol.appOpen')}
      </a>
      <Button
        onPress={() => {
          void navigator.clipboard.writeText(uri).then(() => setCopied(true));
        }}
      >
        {isCopied ? say('enrol.copied') : say('enrol.appCopy')}
      </Button>
      {activationCode === undefined ? null : (
        <div>
          <p className="muted">{say('enrol.appCode')}</p>
          <p className="number number-long">
            <span className="visually-hidden">{say('enrol.appCodeHeard', spelled(activationCode))}</span>
            <span aria-hidden="true">{inThrees(activationCode)}</span>
          </p>
        </div>
      )}
      <p className="muted" role="status">
        {say('enrol.appWaiting')}
      </p>
      {expiresAt === undefined ? null : <p className="muted">{say('enrol.appUntil', timeIn(language, expiresAt))}</p>}
      {back}
    </section>
  );
}
