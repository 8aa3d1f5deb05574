import { applyTheme, storedTheme, THEMES, type Theme } from '@countersign/ui';
import { isLanguage, LANGUAGE_NAMES } from '@countersign/ui/i18n';
import { useEffect, useState } from 'react';
import { useHouse } from '../context.tsx';
import { applyLarge, isTextLarge } from '../text-size.ts';
import { Title } from '../title.tsx';

export function Settings() {
  const { say, language, setLanguage } = useHouse();
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const [isLarge, setLarge] = useState(isTextLarge);
  const chooseTheme = (chosen: string) => {
    const known = THEMES.find((one) => one === chosen) ?? 'auto';
    applyTheme(known);
    setTheme(known);
  };
  return (
    <section className="panel">
      <Title text={say('settings.title')} />
      <label className="setting">
        <span>{say('settings.language')}</span>
        <select value={language} onChange={({ target }) => isLanguage(target.value) && setLanguage(target.value)}>
          {Object.entries(LANGUAGE_NAMES).map(([one, name]) => (
            <option key={one} value={one} lang={one}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label className="setting">
        <span>{say('settings.theme')}</span>
        <select value={theme} onChange={({ target }) => chooseTheme(target.value)}>
          {THEMES.map((one) => (
            <option key={one} value={one}>
              {say(`settings.theme.${one}`)}
            </option>
          ))}
        </select>
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={isLarge}
          onChange={({ target }) => {
            applyLarge(target.checked);
            setLarge(target.checked);
          }}
        />
        <span>{say('settings.large')}</span>
      </label>
      <Storage />
    </section>
  );
}

function Storage() {
  const { say } = useHouse();
  const [isKept, setKept] = useState<boolean>();
  useEffect(() => {
    navigator.storage.persisted().then(setKept, () => setKept(false));
  }, []);
  return (
    <div>
      <h2>{say('settings.storage')}</h2>
      <p className="muted">{isKept === undefined ? '' : isKept ? say('settings.kept') : say('settings.notKept')}</p>
    </div>
  );
}
