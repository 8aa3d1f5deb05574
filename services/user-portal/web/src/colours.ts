import { accentOf, applyTheme, type Theme } from '@countersign/ui';

/** Shows the page as the person wants it, in the colour of the organisation. */
export function applyColours(theme: Theme, accent: string | undefined): void {
  applyTheme(theme);
  if (accent === undefined) return;
  const isDark = theme === 'dark' || (theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  const colours = accentOf(accent, isDark ? 'dark' : 'light');
  const { style } = document.documentElement;
  style.setProperty('--accent', colours.accent);
  style.setProperty('--on-accent', colours.onAccent);
}
