import { Alert, Button, Card, Dialog } from '@countersign/ui';
import { useEffect, useState } from 'react';
import type { Output } from '../calls.ts';
import { useHouse } from '../context.tsx';
import { dateIn } from '../i18n/format.ts';
import { useAction } from '../use-action.ts';
import { browserOf } from './sessions.tsx';

type Login = Output<'history'>['logins'][number];

const AT_A_TIME = 20;

/** One's own logins, with a way to say that one of them was somebody else's. */
export function History() {
  const { say, language, request, arrive } = useHouse();
  const [logins, setLogins] = useState<readonly Login[]>([]);
  const [next, setNext] = useState<string>();
  const [doubted, setDoubted] = useState<Login>();
  const { isBusy, problem, run } = useAction();
  const more = (after?: string) =>
    run(async () => {
      const page = await request('history', { limit: AT_A_TIME, ...(after !== undefined && { after }) });
      setLogins((before) => [...before, ...page.logins]);
      setNext(page.next);
    });
  useEffect(() => more(), []);
  const report = (loginId: string) =>
    run(async () => {
      await request('report', { loginId });
      arrive({ at: 'sign-in' }, say('app.signedOut'));
    });
  return (
    <section className="panel" aria-labelledby="history">
      <h2 id="history">{say('home.history')}</h2>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {logins.length === 0 ? <p className="muted">{say('home.nothing')}</p> : null}
      <ul className="list">
        {logins.map((login, index) => (
          <Card
            key={`${login.loginId} ${login.what} ${index}`}
            title={[say(`login.${login.result}`), login.application].filter((part) => part !== undefined).join(' · ')}
            actions={
              <Button
                kind="quiet"
                label={`${say('home.notMe')}: ${dateIn(language, login.at)}`}
                onPress={() => setDoubted(login)}
              >
                {say('home.notMe')}
              </Button>
            }
          >
            <p className="muted">
              {[
                dateIn(language, login.at),
                login.device === undefined ? undefined : browserOf(login.device),
                login.ip,
                login.location,
              ]
                .filter((part) => part !== undefined)
                .join(' · ')}
            </p>
          </Card>
        ))}
      </ul>
      {next === undefined ? null : (
        <Button isBusy={isBusy} onPress={() => more(next)}>
          {say('home.more')}
        </Button>
      )}
      {doubted === undefined ? null : (
        <Dialog title={say('home.notMeTitle')} onClose={() => setDoubted(undefined)}>
          <p>{say('home.notMeText')}</p>
          <div className="actions">
            <Button kind="danger" isBusy={isBusy} onPress={() => report(doubted.loginId)}>
              {say('home.notMeDo')}
            </Button>
            <Button onPress={() => setDoubted(undefined)}>{say('app.cancel')}</Button>
          </div>
        </Dialog>
      )}
    </section>
  );
}
