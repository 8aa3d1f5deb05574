import { Alert, Button, Spinner, storedTheme } from '@countersign/ui';
import { isLanguage, languageOf, type Language } from '@countersign/ui/i18n';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Standing, Welcome } from '../../src/api.ts';
import { call, Problem, type CallName, type Input, type Output } from './calls.ts';
import { applyColours } from './colours.ts';
import { HouseContext, type House } from './context.tsx';
import { waitIn } from './i18n/format.ts';
import { sayIn, sayProblem, sayProviderProblem } from './i18n/messages.ts';
import { Frame } from './frame.tsx';
import { AccessCode } from './pages/access-code.tsx';
import { SecondFactor } from './pages/second-factor.tsx';
import { SignIn } from './pages/sign-in.tsx';

const Home = lazy(async () => ({ default: (await import('./pages/home.tsx')).Home }));
const Enrol = lazy(async () => ({ default: (await import('./pages/enrol.tsx')).Enrol }));
const StepUp = lazy(async () => ({ default: (await import('./pages/step-up.tsx')).StepUp }));

const LANGUAGE_KEY = 'countersign-language';

function firstLanguage(): Language {
  const stored = localStorage.getItem(LANGUAGE_KEY) ?? '';
  return isLanguage(stored) ? stored : languageOf(navigator.languages);
}

/** What somebody who was asked for a second factor does: gives it, or does not. */
interface Asked {
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** @param now the clock; ms since the epoch. */
export function App({ now }: { now: () => number }) {
  const [welcome, setWelcome] = useState<Welcome>();
  const [language, setLanguage] = useState(firstLanguage);
  const [message, setMessage] = useState<string>();
  const [asked, setAsked] = useState<Asked>();
  const [failed, setFailed] = useState<string>();
  const say = useMemo(() => sayIn(language), [language]);

  const problemOf = useCallback(
    (error: unknown) => {
      const { code, retryAfterSeconds } = error instanceof Problem ? error : new Problem('INTERNAL', 0);
      return sayProblem(say, code, waitIn(language, retryAfterSeconds));
    },
    [say, language],
  );

  const load = useCallback(() => {
    setFailed(undefined);
    call('welcome', {})
      .then((loaded) => {
        setWelcome(loaded);
        if (loaded.ended === true) setMessage(say('second.signedOut'));
        if (loaded.language !== undefined && localStorage.getItem(LANGUAGE_KEY) === null) {
          setLanguage(languageOf([loaded.language]));
        }
        // Left by the way back from the provider.
        const code = new URLSearchParams(location.search).get('provider');
        if (code !== null && /^[A-Z_]{1,40}$/.test(code)) {
          history.replaceState(undefined, '', location.pathname);
          setMessage(sayProviderProblem(say, code, loaded.provider ?? 'OpenID') ?? problemOf(new Problem(code, 60)));
        }
      })
      .catch((error: unknown) => setFailed(problemOf(error)));
  }, [problemOf, say]);
  // Once: what is shown afterwards follows from what is done.
  const loadOnce = useRef(load);
  useEffect(() => loadOnce.current(), []);

  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const accent = welcome?.accent;
  useEffect(() => {
    const apply = () => applyColours(storedTheme(), accent);
    apply();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', apply);
    return () => dark.removeEventListener('change', apply);
  }, [accent]);

  if (welcome === undefined) {
    return failed === undefined ? (
      <Spinner label={say('app.loading')} />
    ) : (
      <main className="page">
        <Alert tone="bad">{failed}</Alert>
        <Button onPress={load}>{say('app.again')}</Button>
      </main>
    );
  }

  const arrive = (standing: Standing, said?: string) => {
    setWelcome((before) => (before === undefined ? before : { ...before, standing }));
    setMessage(said);
    // Nobody is asked once more who is not signed in any more.
    if (standing.at !== 'signed-in') setAsked(undefined);
  };

  const stepUp = () => new Promise<void>((resolve, reject) => setAsked({ resolve, reject }));

  async function request<N extends CallName>(name: N, input: Input<N>): Promise<Output<N>> {
    try {
      return await call(name, input);
    } catch (error) {
      if (error instanceof Problem && error.code === 'STEP_UP_NEEDED') {
        await stepUp();
        return call(name, input);
      }
      if (error instanceof Problem && error.code === 'SIGN_IN_NEEDED') arrive({ at: 'sign-in' }, say('app.ended'));
      throw error;
    }
  }

  const house: House = {
    welcome,
    language,
    say,
    setLanguage: (chosen) => {
      localStorage.setItem(LANGUAGE_KEY, chosen);
      setLanguage(chosen);
      const { standing } = welcome;
      if (standing.at !== 'signed-in' || standing.level !== 'full') return;
      // Messages and prompts follow, where the policy leaves that to people; the page has changed either way.
      call('updateAccount', { language: chosen }).catch(() => undefined);
    },
    request,
    arrive,
    problemOf,
    now,
  };

  return (
    <HouseContext value={house}>
      <Frame message={message}>
        <Suspense fallback={<Spinner label={say('app.loading')} />}>
          <Page standing={welcome.standing} />
          {asked === undefined ? null : (
            <StepUp
              onDone={() => {
                setAsked(undefined);
                asked.resolve();
              }}
              onCancel={() => {
                setAsked(undefined);
                asked.reject(new Problem('STEP_UP_NEEDED', 0));
              }}
            />
          )}
        </Suspense>
      </Frame>
    </HouseContext>
  );
}

/** The page follows from where the person stands, and from nothing else. */
function Page({ standing }: { standing: Standing }) {
  if (standing.at === 'second-factor') return <SecondFactor question={standing.question} unasked={standing.unasked} />;
  if (standing.at === 'access-code') return <AccessCode />;
  if (standing.at === 'sign-in') return <SignIn />;
  return standing.level === 'enrolment' ? <Enrol isFirst /> : <Home />;
}
