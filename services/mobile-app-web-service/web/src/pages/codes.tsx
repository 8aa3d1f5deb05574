import { Button, Card, Dialog } from '@countersign/ui';
import { useEffect, useState } from 'react';
import { totp, type Code } from '../codes/totp.ts';
import { useHouse } from '../context.tsx';
import { grouped } from '../i18n/format.ts';
import type { CodeAccount } from '../store/records.ts';
import { useNow } from '../use-now.ts';

/** Codes that this phone computes by itself. They need no network. */
export function Codes({ codes }: { codes: readonly CodeAccount[] }) {
  const { say, phone } = useHouse();
  const [unwanted, setUnwanted] = useState<CodeAccount>();
  return (
    <section className="panel" aria-labelledby="codes">
      <h2 id="codes">{say('home.codes')}</h2>
      <ul className="list">
        {codes.map((account) => (
          <OneOf key={account.id} account={account} onRemove={() => setUnwanted(account)} />
        ))}
      </ul>
      {unwanted === undefined ? null : (
        <Dialog title={say('codes.removeTitle', nameOf(unwanted))} onClose={() => setUnwanted(undefined)}>
          <p>{say('codes.removeText')}</p>
          <div className="actions">
            <Button
              kind="danger"
              onPress={() => {
                setUnwanted(undefined);
                void phone.store.removeCodes(unwanted.id);
              }}
            >
              {say('codes.remove')}
            </Button>
            <Button onPress={() => setUnwanted(undefined)}>{say('app.cancel')}</Button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

export function nameOf({ issuer, account }: Pick<CodeAccount, 'issuer' | 'account'>): string {
  return [issuer, account].filter((part) => part !== '').join(' · ');
}

function OneOf({ account, onRemove }: { account: CodeAccount; onRemove: () => void }) {
  const { say } = useHouse();
  const now = useNow();
  const [current, setCurrent] = useState<Code>();
  const [said, setSaid] = useState('');
  useEffect(() => {
    let isHere = true;
    void totp(account.key, account, now).then((code) => isHere && setCurrent(code));
    return () => {
      isHere = false;
    };
  }, [account, now]);
  const copy = () => {
    navigator.clipboard.writeText(current?.code ?? '').then(
      () => setSaid(say('codes.copied')),
      () => setSaid(say('codes.copyFailed')),
    );
  };
  const name = nameOf(account);
  return (
    <Card
      title={name}
      actions={
        <>
          <Button label={`${say('codes.copy')}: ${name}`} onPress={copy}>
            {say('codes.copy')}
          </Button>
          <Button kind="quiet" label={`${say('codes.remove')}: ${name}`} onPress={onRemove}>
            {say('codes.remove')}
          </Button>
        </>
      }
    >
      {current === undefined ? null : (
        <p>
          <span className="code">{grouped(current.code)}</span>{' '}
          <span className="muted" role="timer">
            {say('codes.left', current.leftSeconds)}
          </span>
        </p>
      )}
      <p role="status" className="muted">
        {said}
      </p>
    </Card>
  );
}
