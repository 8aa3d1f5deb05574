import { Alert, Button, TextField } from '@countersign/ui';
import { useState, type FormEvent } from 'react';
import { useHouse } from '../context.tsx';
import { Title } from '../title.tsx';
import { useAction } from '../use-action.ts';

export function SignIn() {
  const { welcome, say, request, arrive } = useHouse();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const { isBusy, problem, run, setProblem } = useAction();
  const { signIn, provider } = welcome;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    run(async () => {
      const standing = await request('signInWithPassword', { username, password });
      setPassword('');
      arrive(standing);
    });
  };
  const withPasskey = () =>
    run(async () => {
      const { passkey } = await request('invitePasskey', {});
      const { askPasskey } = await import('../passkeys.ts');
      const answer = await askPasskey(passkey).catch(() => undefined);
      if (answer === undefined) setProblem(say('second.passkeyFailed'));
      else arrive(await request('acceptPasskey', { passkey: answer }));
    });

  return (
    <section className="panel">
      <Title text={say('signIn.title')} />
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      {signIn.includes('password') ? (
        <form onSubmit={submit}>
          <TextField
            label={say('signIn.name')}
            hint={say('signIn.nameHint')}
            name="username"
            autoComplete="username webauthn"
            value={username}
            onChange={setUsername}
            isRequired
          />
          <TextField
            label={say('signIn.password')}
            name="password"
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={setPassword}
            isRequired
          />
          <Button kind="main" type="submit" isBusy={isBusy} isDisabled={username === '' || password === ''}>
            {say('signIn.submit')}
          </Button>
        </form>
      ) : null}
      {signIn.length > 1 && signIn.includes('password') ? <div className="divider">{say('signIn.or')}</div> : null}
      {signIn.includes('passkey') ? (
        <Button isDisabled={isBusy} onPress={withPasskey}>
          {say('signIn.passkey')}
        </Button>
      ) : null}
      {signIn.includes('provider') && provider !== undefined ? (
        <a className="button link-button" href="/sign-in/provider">
          {say('signIn.provider', provider)}
        </a>
      ) : null}
    </section>
  );
}
