import { Alert, Button, storedTheme, THEMES, type Theme } from '@countersign/ui';
import { isLanguage, LANGUAGE_NAMES } from '@countersign/ui/i18n';
import { useState, type ReactNode } from 'react';
import { applyColours } from './colours.ts';
import { useHouse } from './context.tsx';
import { useAction } from './use-action.ts';

/** What stands around every page: whose it is, and how it is shown. */
export function Frame({ message, children }: { message: string | undefined; children: ReactNode }) {
  const { welcome, say, language, setLanguage, request, arrive } = useHouse();
  const { isBusy, problem, run } = useAction();
  const { standing } = welcome;
  const leave = () => run(async () => arrive(await request('signOut', {}), say('app.signedOut')));
  return (
    <>
      <header className="top">
        <div className="brand">
          {welcome.logo === undefined ? null : <img src={welcome.logo} alt="" className="logo" />}
          <span>{welcome.organisation}</span>
        </div>
        {standing.at === 'sign-in' ? null : (
          <Button kind="quiet" isBusy={isBusy} onPress={leave}>
            {say('app.signOut')}
          </Button>
        )}
      </header>
      <main className={standing.at === 'signed-in' && standing.level === 'full' ? 'page page-wide' : 'page'}>
        {problem === undefined ? null : <Alert tone="bad">{problem}</Alert>}
        {message === undefined ? null : <Alert tone="note">{message}</Alert>}
        {children}
      </main>
      <footer className="bottom">
        <label>
          <span>{say('app.language')}</span>
          <select value={language} onChange={({ target }) => isLanguage(target.value) && setLanguage(target.value)}>
            {welcome.languages.filter(isLanguage).map((one) => (
              <option key={one} value={one} lang={one}>
                {LANGUAGE_NAMES[one]}
              </option>
            ))}
          </select>
        </label>
        <ThemeChoice />
      </footer>
    </>
  );
}

function ThemeChoice() {
  const { say, welcome } = useHouse();
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const choose = (chosen: string) => {
    const known = THEMES.find((one) => one === chosen) ?? 'auto';
    applyColours(known, welcome.accent);
    setTheme(known);
  };
  return (
    <label>
      <span>{say('app.theme')}</span>
      <select value={theme} onChange={({ target }) => choose(target.value)}>
        {THEMES.map((one) => (
          <option key={one} value={one}>
            {say(`app.theme.${one}`)}
          </option>
        ))}
      </select>
    </label>
  );
}
