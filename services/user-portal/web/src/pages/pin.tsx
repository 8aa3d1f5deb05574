import { Alert, Button, Dialog, PinField } from '@countersign/ui';
import { useState, type FormEvent } from 'react';
import type { Output } from '../calls.ts';
import { useHouse } from '../context.tsx';
import { useAction } from '../use-action.ts';

type Kept = NonNullable<Output<'account'>['pin']>;

/** Nothing is held back here: what asks for the PIN is elsewhere. */
export function PinBanner({ pin: { isSet, isDue, isWanted, mayChange } }: { pin: Kept }) {
  const { say } = useHouse();
  if (!mayChange || !isWanted || (isSet && !isDue)) return null;
  return <Alert tone="note">{isDue ? say('pin.due') : say('pin.missing')}</Alert>;
}

/** One's PIN: typed beside a code where the policy still asks for one. */
export function Pin({ pin, onChanged }: { pin: Kept; onChanged: () => void }) {
  const { say, request } = useHouse();
  const [isOpen, setOpen] = useState(false);
  const [isDone, setDone] = useState(false);
  const { isBusy, problem, run } = useAction();
  const { isSet, mayChange, mayRemove, minLength } = pin;
  const remove = () =>
    run(async () => {
      await request('removePin', {});
      onChanged();
    });
  return (
    <section className="panel" aria-labelledby="pin">
      <h2 id="pin">{say('pin.title')}</h2>
      <p className="muted">{isSet ? `${say('pin.text')} ${say('pin.isSet')}` : say('pin.text')}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {isDone ? <Alert tone="good">{say('pin.done')}</Alert> : null}
      <div className="actions">
        {mayChange ? (
          <Button isDisabled={isBusy} onPress={() => setOpen(true)}>
            {isSet ? say('pin.change') : say('pin.set')}
          </Button>
        ) : null}
        {mayRemove ? (
          <Button kind="danger" isBusy={isBusy} onPress={remove}>
            {say('pin.remove')}
          </Button>
        ) : null}
      </div>
      {isOpen ? (
        <ChoosePin
          minLength={minLength}
          onClose={() => setOpen(false)}
          onDone={() => {
            setOpen(false);
            setDone(true);
            onChanged();
          }}
        />
      ) : null}
    </section>
  );
}

function ChoosePin({ minLength, onClose, onDone }: { minLength: number; onClose: () => void; onDone: () => void }) {
  const { say, request } = useHouse();
  const [pin, setPin] = useState('');
  const [again, setAgain] = useState('');
  const [wasTried, setTried] = useState(false);
  const { isBusy, problem, run } = useAction();
  const isShort = pin.length < minLength || !/^[0-9]+$/.test(pin);
  const differs = pin !== again;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (isShort || differs) return;
    run(async () => {
      await request('setPin', { pin });
      onDone();
    });
  };
  return (
    <Dialog title={say('pin.setTitle')} onClose={onClose}>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <form onSubmit={submit}>
        <PinField
          label={say('pin.new')}
          hint={say('pin.newHint', minLength)}
          name="new-pin"
          value={pin}
          onChange={setPin}
          problem={wasTried && isShort ? say('pin.short', minLength) : undefined}
          autoFocus
        />
        <PinField
          label={say('pin.again')}
          name="again"
          value={again}
          onChange={setAgain}
          problem={wasTried && !isShort && differs ? say('pin.differs') : undefined}
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
