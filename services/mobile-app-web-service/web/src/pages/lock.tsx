import { Alert, Button } from '@countersign/ui';
import { useHouse } from '../context.tsx';
import { addPasskey, removePasskey } from '../phone-passkey.ts';
import type { Account } from '../store/records.ts';
import { useAction } from '../use-action.ts';
import { useLock } from '../use-lock.ts';

/** Whether approvals are confirmed with the lock of this device: where it has one, and wherever they are. */
export function Lock({ account: { deviceId, passkey } }: { account: Account }) {
  const { say, phone } = useHouse();
  const hasLock = useLock(phone.passkeys);
  const { isBusy, problem, run } = useAction();
  if (!hasLock && passkey === undefined) return null;
  const turn = () =>
    run(() =>
      passkey === undefined ? addPasskey(phone, deviceId) : removePasskey(phone, deviceId, passkey.credentialId),
    );
  return (
    <section className="panel" aria-labelledby="lock">
      <h2 id="lock">{say('lock.title')}</h2>
      <p className="muted">{say(passkey === undefined ? 'lock.text' : 'lock.isOn')}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <div className="actions">
        <Button isBusy={isBusy} onPress={turn}>
          {say(passkey === undefined ? 'lock.on' : 'lock.off')}
        </Button>
      </div>
    </section>
  );
}

/** The same, asked of whoever has just added an account. */
export function OfferLock({ deviceId, onDone }: { deviceId: string; onDone: () => void }) {
  const { say, phone } = useHouse();
  const { isBusy, problem, run } = useAction();
  const turnOn = () =>
    run(async () => {
      await addPasskey(phone, deviceId);
      onDone();
    });
  return (
    <>
      <p>{say('lock.text')}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <div className="actions">
        <Button kind="main" isBusy={isBusy} onPress={turnOn}>
          {say('lock.on')}
        </Button>
        <Button isDisabled={isBusy} onPress={onDone}>
          {say('lock.later')}
        </Button>
      </div>
    </>
  );
}
