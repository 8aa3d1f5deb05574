import { Alert, Button, CodeField } from '@countersign/ui';
import { useState, type FormEvent } from 'react';
import { useHouse } from '../context.tsx';
import { Title } from '../title.tsx';
import { useAction } from '../use-action.ts';

export function AccessCode() {
  const { say, request, arrive } = useHouse();
  const [code, setCode] = useState('');
  const { isBusy, problem, run } = useAction();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    run(async () => arrive(await request('giveAccessCode', { code })));
  };
  return (
    <section className="panel">
      <Title text={say('access.title')} />
      <p>{say('access.text')}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <form onSubmit={submit}>
        <CodeField
          label={say('access.code')}
          name="code"
          isText
          value={code}
          onChange={setCode}
          isRequired
          maxLength={64}
        />
        <Button kind="main" type="submit" isBusy={isBusy} isDisabled={code.trim() === ''}>
          {say('app.goOn')}
        </Button>
      </form>
    </section>
  );
}
