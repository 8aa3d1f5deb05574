import { Alert, Button, Dialog, TextField } from '@countersign/ui';
import { useState, type FormEvent } from 'react';
import { useHouse } from '../context.tsx';
import { rename } from '../phone.ts';
import type { Account } from '../store/records.ts';
import { useAction } from '../use-action.ts';

const MAX_LABEL_CHARACTERS = 64;

export function Rename({ account, onClose, onDone }: { account: Account; onClose: () => void; onDone: () => void }) {
  const { say, phone } = useHouse();
  const [label, setLabel] = useState(account.label);
  const { isBusy, problem, run } = useAction();
  const trimmed = label.trim();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (trimmed === '') return;
    run(async () => {
      await rename(phone, account.deviceId, trimmed);
      onDone();
    });
  };
  return (
    <Dialog title={say('account.renameTitle')} onClose={onClose}>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <form onSubmit={submit} noValidate>
        <TextField
          label={say('account.label')}
          name="label"
          autoComplete="off"
          value={label}
          onChange={setLabel}
          maxLength={MAX_LABEL_CHARACTERS}
          problem={trimmed === '' ? say('confirm.labelMissing') : undefined}
          autoFocus
        />
        <div className="actions">
          <Button kind="main" type="submit" isBusy={isBusy}>
            {say('app.save')}
          </Button>
          <Button onPress={onClose}>{say('app.cancel')}</Button>
        </div>
      </form>
    </Dialog>
  );
}
