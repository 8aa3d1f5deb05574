import { accentOf } from '@countersign/ui';

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'countersign-theme';

export function storedTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === stored) ?? 'auto';
}

/** Shows the page as the person wants it, in the colour of the organisation. */
export function applyTheme(theme: Theme, accent: string | undefined): void {
  const root = document.documentElement;
  if (theme === 'auto') {
    localStorage.removeItem(KEY);
    delete root.dataset['theme'];
  } else {
    localStorage.setItem(KEY, theme);
    root.dataset['theme'] = theme;
  }
  if (accent === undefined) return;
  const isDark = theme === 'dark' || (theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  const colours = accentOf(accent, isDark ? 'dark' : 'light');
  root.style.setProperty('--accent', colours.accent);
  root.style.setProperty('--on-accent', colours.onAccent);
}
