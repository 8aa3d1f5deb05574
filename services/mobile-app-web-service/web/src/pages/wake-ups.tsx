import { Alert, Button } from '@countersign/ui';
import { useHouse } from '../context.tsx';
import { letWake } from '../phone.ts';
import type { Account } from '../store/records.ts';
import { useAction } from '../use-action.ts';
import { canBeWoken, subscribe } from '../wake-ups.ts';

/** Whether a sign-in is announced while the app is closed: where the server can, and the browser. */
export function WakeUps({ account: { deviceId, pushKey, isWoken = false } }: { account: Account }) {
  const { say, phone } = useHouse();
  const { isBusy, problem, run, setProblem } = useAction();
  if (pushKey === undefined || !canBeWoken()) return null;
  const turn = () =>
    run(async () => {
      const push = isWoken ? null : await subscribe(pushKey);
      if (push === undefined) return setProblem(say('account.wakeRefused'));
      return letWake(phone, deviceId, push);
    });
  return (
    <section className="panel" aria-labelledby="wake-ups">
      <h2 id="wake-ups">{say('account.wake')}</h2>
      <p className="muted">{say('account.wakeText')}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <div className="actions">
        <Button isBusy={isBusy} onPress={turn}>
          {isWoken ? say('account.wakeOff') : say('account.wakeOn')}
        </Button>
      </div>
    </section>
  );
}
