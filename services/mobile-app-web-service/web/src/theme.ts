export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const THEME_KEY = 'countersign-theme';
const LARGE_KEY = 'countersign-large';

export function storedTheme(): Theme {
  const stored = localStorage.getItem(THEME_KEY);
  return THEMES.find((theme) => theme === stored) ?? 'auto';
}

export function applyTheme(theme: Theme): void {
  const { dataset } = document.documentElement;
  if (theme === 'auto') {
    localStorage.removeItem(THEME_KEY);
    delete dataset['theme'];
  } else {
    localStorage.setItem(THEME_KEY, theme);
    dataset['theme'] = theme;
  }
}

export function isTextLarge(): boolean {
  return localStorage.getItem(LARGE_KEY) !== null;
}

export function applyLarge(isLarge: boolean): void {
  const { dataset } = document.documentElement;
  if (isLarge) {
    localStorage.setItem(LARGE_KEY, 'yes');
    dataset['text'] = 'large';
  } else {
    localStorage.removeItem(LARGE_KEY);
    delete dataset['text'];
  }
}
