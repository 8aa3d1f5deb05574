import { Alert, Button, Choice } from '@countersign/ui';
import { useHouse } from '../context.tsx';
import { Problem } from '../protocol/problem.ts';
import type { Account } from '../store/records.ts';
import { Title } from '../title.tsx';
import type { Waits } from '../use-asked.ts';
import { Codes } from './codes.tsx';

export function Home({ later, onOpen }: { later: readonly Waits[]; onOpen: (challengeId: string) => void }) {
  const { say, kept, go } = useHouse();
  const { accounts, codes } = kept;
  return (
    <>
      <Title text={say('home.title')} />
      {later.map(({ prompt: { challengeId, displayed } }) => (
        <Alert key={challengeId} tone="note">
          <div className="row">
            <p>{say('home.waits', displayed.application)}</p>
            <Button onPress={() => onOpen(challengeId)}>{say('home.open')}</Button>
          </div>
        </Alert>
      ))}
      {accounts.length === 0 && codes.length === 0 ? <p>{say('home.empty')}</p> : null}
      {accounts.length === 0 ? null : (
        <section className="panel" aria-labelledby="sign-ins">
          <h2 id="sign-ins">{say('home.signIns')}</h2>
          <ul className="list choices">
            {accounts.map((account) => (
              <Choice
                key={account.deviceId}
                title={account.organisation}
                onPress={() => go({ at: 'account', deviceId: account.deviceId })}
              >
                {account.user}
              </Choice>
            ))}
          </ul>
          <Standing />
        </section>
      )}
      {codes.length === 0 ? null : <Codes codes={codes} />}
      <Button kind={accounts.length === 0 ? 'main' : 'plain'} onPress={() => go({ at: 'add' })}>
        {say('home.add')}
      </Button>
    </>
  );
}

/** Whether prompts would appear; why not, account by account, where they would not. */
function Standing() {
  const { say, kept, problemOf } = useHouse();
  const whyNot = kept.accounts.flatMap((account) => {
    const sentence = problemAt(account);
    return sentence === undefined ? [] : [{ account, sentence }];
  });
  function problemAt({ deviceId, isGone }: Account): string | undefined {
    if (isGone) return say('home.gone');
    const code = kept.waiting.find((one) => one.deviceId === deviceId)?.problem;
    return code === undefined ? undefined : problemOf(new Problem(code));
  }
  if (whyNot.length === 0) return <p className="muted">{say('home.ready')}</p>;
  return whyNot.map(({ account: { deviceId, organisation }, sentence }) => (
    <Alert key={deviceId} tone="bad">
      {kept.accounts.length > 1 ? `${organisation}: ${sentence}` : sentence}
    </Alert>
  ));
}
