import { Alert, Button, CodeField } from '@countersign/ui';
import { useState, type FormEvent } from 'react';
import { useHouse } from '../context.tsx';
import { find } from '../phone.ts';
import { of } from '../protocol/scanned.ts';
import { Title } from '../title.tsx';
import { useAction } from '../use-action.ts';

export function TypeCode() {
  const { say, phone, confirm } = useHouse();
  const [code, setCode] = useState('');
  const [wasTried, setTried] = useState(false);
  const { isBusy, problem, run } = useAction();
  const typed = code.replaceAll(/[\s-]/g, '');
  const isWhole = /^[0-9]{12}$/.test(typed);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (isWhole) run(async () => confirm(of(await find(phone, typed), phone.server)));
  };
  return (
    <section className="panel">
      <Title text={say('type.title')} />
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <form onSubmit={submit} noValidate>
        <CodeField
          label={say('type.code')}
          hint={say('type.hint')}
          name="activation-code"
          value={code}
          onChange={(now) => {
            setTried(false);
            setCode(now);
          }}
          problem={wasTried && !isWhole ? say('type.wrong') : undefined}
        />
        <Button kind="main" type="submit" isBusy={isBusy}>
          {say('app.goOn')}
        </Button>
      </form>
    </section>
  );
}
