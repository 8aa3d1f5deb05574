import { Alert, Button, Choice } from '@countersign/ui';
import { useHouse } from '../context.tsx';
import { dateIn } from '../i18n/format.ts';
import { Problem } from '../protocol/problem.ts';
import type { Account } from '../store/records.ts';
import { Title } from '../title.tsx';
import type { Waits } from '../use-asked.ts';
import { Codes } from './codes.tsx';

export function Home({ later, onOpen }: { later: readonly Waits[]; onOpen: (challengeId: string) => void }) {
  const { say, language, kept, go } = useHouse();
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
                {...(account.isGone && { badge: say('home.goneBadge') })}
                onPress={() => go({ at: 'account', deviceId: account.deviceId })}
              >
                {isAlone(account, accounts)
                  ? account.user
                  : `${account.user}, ${say('home.added', dateIn(language, account.addedAtMs))}`}
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
  const { say, language, kept, problemOf } = useHouse();
  const whyNot = kept.accounts.flatMap((account) => {
    const sentence = problemAt(account);
    return sentence === undefined ? [] : [{ account, sentence }];
  });
  function problemAt({ deviceId, isGone }: Account): string | undefined {
    if (isGone) return say('home.gone');
    const code = kept.waiting.find((one) => one.deviceId === deviceId)?.problem;
    return code === undefined ? undefined : problemOf(new Problem(code));
  }
  function nameOf(account: Account): string {
    const { organisation, user, addedAtMs } = account;
    const isOnlyOne = kept.accounts.every((other) => other === account || other.organisation !== organisation);
    if (isOnlyOne) return organisation;
    const when = isAlone(account, kept.accounts) ? [] : [say('home.added', dateIn(language, addedAtMs))];
    return [organisation, user, ...when].join(', ');
  }
  if (whyNot.length === 0) return <p className="muted">{say('home.ready')}</p>;
  return whyNot.map(({ account, sentence }) => (
    <Alert key={account.deviceId} tone="bad">
      {kept.accounts.length > 1 ? `${nameOf(account)}: ${sentence}` : sentence}
    </Alert>
  ));
}

/** Whether no other account is of the same person at the same organisation: as there is one after a phone that was removed is activated again. */
function isAlone({ deviceId, organisation, user }: Account, accounts: readonly Account[]): boolean {
  return !accounts.some((one) => one.deviceId !== deviceId && one.organisation === organisation && one.user === user);
}
