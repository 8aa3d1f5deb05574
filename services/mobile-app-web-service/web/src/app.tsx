import { Alert, Button, Spinner } from '@countersign/ui';
import { isLanguage, languageOf, type Language } from '@countersign/ui/i18n';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { HouseContext, type House } from './context.tsx';
import { waitIn } from './i18n/format.ts';
import { sayIn, sayProblem } from './i18n/messages.ts';
import { install } from './install.ts';
import { AccountPage } from './pages/account.tsx';
import { Add } from './pages/add.tsx';
import { Asked } from './pages/asked.tsx';
import { Confirm } from './pages/confirm.tsx';
import { Home } from './pages/home.tsx';
import { Paste } from './pages/paste.tsx';
import { Scan } from './pages/scan.tsx';
import { Settings } from './pages/settings.tsx';
import { TypeCode } from './pages/type-code.tsx';
import type { Phone } from './phone.ts';
import { codeOf, Problem } from './protocol/problem.ts';
import { read, type Scanned } from './protocol/scanned.ts';
import { useRoute, type Route } from './route.ts';
import { takeFragment } from './take-fragment.ts';
import { useAsked } from './use-asked.ts';
import { useKept } from './use-kept.ts';
import { useWatch } from './use-watch.ts';

const LANGUAGE_KEY = 'countersign-language';

function firstLanguage(): Language {
  const stored = localStorage.getItem(LANGUAGE_KEY) ?? '';
  return isLanguage(stored) ? stored : languageOf(navigator.languages);
}

/** @param opened the activation link that the page was opened with. */
export function App({ phone, opened }: { phone: Phone; opened: string | undefined }) {
  const [language, setLanguage] = useState(firstLanguage);
  const say = useMemo(() => sayIn(language), [language]);
  const kept = useKept(phone.store);
  useWatch(phone, kept);
  const { route, go, back, goHome } = useRoute();
  const [message, setMessage] = useState<string>();
  const [scanned, setScanned] = useState<Scanned>();
  const [useNewer, setUseNewer] = useState<() => void>();
  const asked = useAsked(phone, kept);

  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  useEffect(() => {
    // Without it the app is a page that needs its network.
    install((use) => setUseNewer(() => use)).catch(() => undefined);
  }, []);

  const confirm = useCallback(
    (found: Scanned) => {
      setMessage(undefined);
      setScanned(found);
      go({ at: 'confirm' });
    },
    [go],
  );
  useEffect(() => {
    const open = (link: string | undefined) => link !== undefined && confirm(read(link, phone.server));
    const follow = () => open(takeFragment());
    open(opened);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, [opened, confirm, phone.server]);

  const isAsked = asked.shown !== undefined;
  const wasAsked = useRef(false);
  useEffect(() => {
    // What had the focus was hidden meanwhile.
    if (wasAsked.current && !isAsked) document.querySelector<HTMLElement>('.under h1')?.focus();
    wasAsked.current = isAsked;
  }, [isAsked]);

  const problemOf = useCallback(
    (error: unknown) => {
      const seconds = error instanceof Problem ? error.retryAfterSeconds : 0;
      return sayProblem(say, codeOf(error), waitIn(language, seconds));
    },
    [say, language],
  );

  if (kept === undefined) return <Spinner label={say('app.loading')} />;
  const house: House = {
    phone,
    kept,
    language,
    say,
    setLanguage: (chosen) => {
      localStorage.setItem(LANGUAGE_KEY, chosen);
      setLanguage(chosen);
    },
    go: (next) => {
      setMessage(undefined);
      go(next);
    },
    back: () => {
      setMessage(undefined);
      back();
    },
    arrive: (said) => {
      setScanned(undefined);
      setMessage(said);
      goHome();
    },
    confirm,
    problemOf,
  };
  const { shown } = asked;
  return (
    <HouseContext value={house}>
      <div className="visually-hidden" role="status" aria-live="assertive">
        {shown === undefined ? '' : say('prompt.arrived', shown.prompt.displayed.application)}
      </div>
      {shown === undefined ? null : <Asked key={shown.prompt.challengeId} {...shown} onClose={asked.close} />}
      {/* What was begun there goes on afterwards. */}
      <div className="under" hidden={shown !== undefined}>
        <header className="top">
          <span className="brand">Countersign</span>
          {route.at === 'home' ? (
            <Button kind="quiet" onPress={() => house.go({ at: 'settings' })}>
              {say('home.settings')}
            </Button>
          ) : (
            <Button kind="quiet" onPress={house.back}>
              {say('app.back')}
            </Button>
          )}
        </header>
        <main className="page">
          {message === undefined ? null : <Alert tone="good">{message}</Alert>}
          {useNewer === undefined ? null : (
            <Alert tone="note">
              <p>{say('app.newer')}</p>
              <Button onPress={useNewer}>{say('app.restart')}</Button>
            </Alert>
          )}
          <Page key={keyOf(route)} route={route} scanned={scanned} onOpen={asked.open} later={asked.later} />
        </main>
      </div>
    </HouseContext>
  );
}

function keyOf(route: Route): string {
  return route.at === 'account' ? route.deviceId : route.at;
}

function Page({
  route,
  scanned,
  later,
  onOpen,
}: {
  route: Route;
  scanned: Scanned | undefined;
  later: ReturnType<typeof useAsked>['later'];
  onOpen: (challengeId: string) => void;
}) {
  switch (route.at) {
    case 'add':
      return <Add />;
    case 'scan':
      return <Scan />;
    case 'type':
      return <TypeCode />;
    case 'paste':
      return <Paste />;
    case 'confirm':
      // Gone with the window that knew it, as is right.
      return scanned === undefined ? <Add /> : <Confirm scanned={scanned} />;
    case 'account':
      return <AccountPage deviceId={route.deviceId} />;
    case 'settings':
      return <Settings />;
    case 'home':
    default:
      return <Home later={later} onOpen={onOpen} />;
  }
}
