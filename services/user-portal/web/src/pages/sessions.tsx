import { Alert, Button, Card } from '@countersign/ui';
import { useCallback, useEffect, useState } from 'react';
import type { Output } from '../calls.ts';
import { useHouse } from '../context.tsx';
import { dateIn } from '../i18n/format.ts';
import { useAction } from '../use-action.ts';

type SessionView = Output<'sessions'>['sessions'][number];

/** Where one is signed in, to end one, all others, or all. */
export function Sessions() {
  const { say, language, request, arrive, problemOf } = useHouse();
  const [sessions, setSessions] = useState<readonly SessionView[]>([]);
  const { isBusy, problem, run, setProblem } = useAction();
  const [round, setRound] = useState(0);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  useEffect(() => {
    let isHere = true;
    request('sessions', {})
      .then(({ sessions: read }) => isHere && setSessions(read))
      .catch((error: unknown) => isHere && setProblem(problemOf(error)));
    return () => {
      isHere = false;
    };
  }, [round]);
  const end = (which: string, isOwn: boolean) =>
    run(async () => {
      await request('endSessions', { which });
      if (isOwn) arrive({ at: 'sign-in' }, say('app.signedOut'));
      else reload();
    });
  return (
    <section className="panel" aria-labelledby="sessions">
      <h2 id="sessions">{say('home.sessions')}</h2>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <ul className="list">
        {sessions.map(({ sessionId, current, startedAt, device, ip }) => (
          <Card
            key={sessionId}
            title={current ? say('home.current') : browserOf(device)}
            actions={
              current ? undefined : (
                <Button
                  isDisabled={isBusy}
                  label={`${say('home.end')}: ${browserOf(device)}`}
                  onPress={() => end(sessionId, false)}
                >
                  {say('home.end')}
                </Button>
              )
            }
          >
            <p className="muted">
              {[current ? browserOf(device) : undefined, ip, say('home.since', dateIn(language, startedAt))]
                .filter((part) => part !== undefined)
                .join(' · ')}
            </p>
          </Card>
        ))}
      </ul>
      <div className="actions">
        {sessions.length > 1 ? (
          <Button isDisabled={isBusy} onPress={() => end('others', false)}>
            {say('home.endOthers')}
          </Button>
        ) : null}
        <Button isDisabled={isBusy} onPress={() => end('all', true)}>
          {say('home.endAll')}
        </Button>
      </div>
    </section>
  );
}

const BROWSERS: readonly [RegExp, string][] = [
  [/Edg\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox\//, 'Firefox'],
  [/Chrom(e|ium)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const SYSTEMS: readonly [RegExp, string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
];

/** What a browser calls itself, as people call it. */
export function browserOf(device: string | undefined): string {
  const first = (table: readonly [RegExp, string][]) => table.find(([pattern]) => pattern.test(device ?? ''))?.[1];
  return [first(BROWSERS), first(SYSTEMS)].filter((part) => part !== undefined).join(', ') || (device ?? '–');
}
