import { Button, TextField } from '@countersign/ui';
import { useState, type FormEvent } from 'react';
import { useHouse } from '../context.tsx';
import { read } from '../protocol/scanned.ts';
import { Title } from '../title.tsx';

export function Paste() {
  const { say, phone, confirm } = useHouse();
  const [text, setText] = useState('');
  const [isUnknown, setUnknown] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const scanned = read(text, phone.server);
    setUnknown(scanned.is === 'unknown');
    if (scanned.is !== 'unknown') confirm(scanned);
  };
  return (
    <section className="panel">
      <Title text={say('paste.title')} />
      <form onSubmit={submit} noValidate>
        <TextField
          label={say('paste.link')}
          hint={say('add.pasteText')}
          name="link"
          autoComplete="off"
          value={text}
          onChange={(now) => {
            setUnknown(false);
            setText(now);
          }}
          problem={isUnknown ? say('paste.unknown') : undefined}
        />
        <Button kind="main" type="submit">
          {say('app.goOn')}
        </Button>
      </form>
    </section>
  );
}
