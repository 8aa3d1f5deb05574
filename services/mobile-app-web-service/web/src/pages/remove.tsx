import { Alert, Button, Dialog } from '@countersign/ui';
import { useState } from 'react';
import { useHouse } from '../context.tsx';
import { remove } from '../phone.ts';
import type { Account } from '../store/records.ts';
import { useAction } from '../use-action.ts';

/** Takes the phone away at the server first, also at one that has said that it does not know it. Where that cannot be, it says what is left behind, and leaves the choice. */
export function Remove({ account, onClose }: { account: Account; onClose: () => void }) {
  const { say, phone, arrive } = useHouse();
  const [isUntold, setUntold] = useState(false);
  const { isBusy, problem, run } = useAction();
  const here = async () => {
    await phone.store.removeAccount(account.deviceId);
    arrive();
  };
  const both = () =>
    run(async () => {
      try {
        await remove(phone, account.deviceId);
      } catch (error) {
        setUntold(true);
        throw error;
      }
      return arrive();
    });
  return (
    <Dialog title={say('account.removeTitle', account.organisation)} onClose={onClose}>
      <p>{say('account.removeText')}</p>
      {problem === undefined ? null : (
        <Alert tone="bad">
          <p>{problem}</p>
          {isUntold ? <p>{say('account.removeUntold')}</p> : null}
        </Alert>
      )}
      <div className="actions">
        <Button kind="danger" isBusy={isBusy} onPress={both}>
          {say('account.removeDo')}
        </Button>
        {isUntold && !isBusy ? (
          <Button kind="danger" onPress={() => run(here)}>
            {say('account.removeAnyway')}
          </Button>
        ) : null}
        <Button onPress={onClose}>{say('app.cancel')}</Button>
      </div>
    </Dialog>
  );
}
