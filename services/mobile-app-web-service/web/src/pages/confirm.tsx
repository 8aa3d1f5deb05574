import type { ActivationLink } from '@countersign/device-protocol';
import { Alert, Button, TextField } from '@countersign/ui';
import { useState, type FormEvent } from 'react';
import type { OtpauthAccount } from '../codes/otpauth.ts';
import { useHouse } from '../context.tsx';
import { nameOfPhone } from '../name-of-phone.ts';
import { add, addCodes } from '../phone.ts';
import type { Scanned } from '../protocol/scanned.ts';
import { Title } from '../title.tsx';
import { useAction } from '../use-action.ts';
import { nameOf } from './codes.tsx';
import { OfferLock } from './lock.tsx';

const MAX_LABEL_CHARACTERS = 64;

/** Asks before anything comes of what was scanned, typed or pasted. */
export function Confirm({ scanned }: { scanned: Scanned }) {
  const { say } = useHouse();
  switch (scanned.is) {
    case 'activation':
      return <ConfirmActivation link={scanned.link} />;
    case 'elsewhere':
      return <Elsewhere server={new URL(scanned.server).host} address={scanned.address} />;
    case 'codes':
      return <ConfirmCodes codes={scanned.codes} />;
    case 'unknown':
    default:
      return (
        <section className="panel">
          <Title text={say('add.title')} />
          <Alert tone="bad">{say('paste.unknown')}</Alert>
        </section>
      );
  }
}

function ConfirmActivation({ link }: { link: ActivationLink }) {
  const { say, phone, arrive } = useHouse();
  const [label, setLabel] = useState(() => nameOfPhone(navigator.userAgent));
  /** The account that was added, when there is one thing more to ask. */
  const [added, setAdded] = useState<string>();
  const { isBusy, problem, run } = useAction();
  const trimmed = label.trim();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (trimmed === '') return;
    run(async () => {
      const deviceId = await add(phone, link, trimmed);
      // Keys that are gone with the next cleaning are no keys. Whether it is granted stands in the settings.
      await navigator.storage.persist().catch(() => false);
      if (await phone.passkeys.isAvailable()) setAdded(deviceId);
      else arrive(say('confirm.done'));
    });
  };
  if (added !== undefined) {
    return (
      <section className="panel">
        <Title text={say('lock.title')} />
        <OfferLock deviceId={added} onDone={() => arrive(say('confirm.done'))} />
      </section>
    );
  }
  return (
    <section className="panel">
      <Title text={say('confirm.title', link.organisation)} />
      <p>{say('confirm.text')}</p>
      <dl className="facts">
        <div className="fact">
          <dt>{say('confirm.organisation')}</dt>
          <dd>
            <bdi>{link.organisation}</bdi>
          </dd>
        </div>
        <div className="fact">
          <dt>{say('confirm.server')}</dt>
          <dd>
            <strong>{new URL(phone.server).host}</strong>
          </dd>
        </div>
      </dl>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <form onSubmit={submit} noValidate>
        <TextField
          label={say('confirm.label')}
          name="label"
          autoComplete="off"
          value={label}
          onChange={setLabel}
          maxLength={MAX_LABEL_CHARACTERS}
          problem={trimmed === '' ? say('confirm.labelMissing') : undefined}
        />
        <div className="actions">
          <Button kind="main" type="submit" isBusy={isBusy}>
            {say('confirm.do')}
          </Button>
          <Button isDisabled={isBusy} onPress={() => arrive()}>
            {say('app.cancel')}
          </Button>
        </div>
      </form>
    </section>
  );
}

function Elsewhere({ server, address }: { server: string; address: string }) {
  const { say } = useHouse();
  return (
    <section className="panel">
      <Title text={say('elsewhere.title')} />
      <p>{say('elsewhere.text', server)}</p>
      <a className="button link-button" href={address} rel="noreferrer">
        {say('elsewhere.open', server)}
      </a>
    </section>
  );
}

function ConfirmCodes({ codes }: { codes: OtpauthAccount }) {
  const { say, phone, arrive } = useHouse();
  const { isBusy, problem, run } = useAction();
  const keep = () =>
    run(async () => {
      await addCodes(phone, codes);
      await navigator.storage.persist().catch(() => false);
      arrive(say('confirmCodes.done'));
    });
  return (
    <section className="panel">
      <Title text={say('confirmCodes.title', nameOf(codes))} />
      <p>{say('confirmCodes.text')}</p>
      {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
      <div className="actions">
        <Button kind="main" isBusy={isBusy} onPress={keep}>
          {say('confirmCodes.do')}
        </Button>
        <Button isDisabled={isBusy} onPress={() => arrive()}>
          {say('app.cancel')}
        </Button>
      </div>
    </section>
  );
}
