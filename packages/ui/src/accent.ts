/** What an accent colour looks like on a page: itself, and what is written on it. */
export interface Accent {
  accent: string;
  onAccent: string;
}

/**
 * The colour of the organisation, made readable: as dark, or as light, as it takes for 4.5 to 1 (WCAG 2.2, 1.4.3) against the page.
 * @param colour `#rrggbb`
 */
export function accentOf(colour: string, theme: 'light' | 'dark'): Accent {
  const page = theme === 'light' ? WHITE : DARK_PAGE;
  const towards = theme === 'light' ? BLACK : WHITE;
  let rgb = parse(colour);
  for (let step = 0; step < 20 && contrast(rgb, page) < 4.5; step += 1) rgb = mixed(rgb, towards, 0.1);
  const onAccent = contrast(rgb, WHITE) >= contrast(rgb, BLACK) ? '#ffffff' : '#000000';
  return { accent: written(rgb), onAccent };
}

type Rgb = readonly [number, number, number];
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
const DARK_PAGE: Rgb = [29, 33, 39];

function parse(colour: string): Rgb {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return [r, g, b];
}

function written(rgb: Rgb): string {
  return `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;
}

function mixed(one: Rgb, other: Rgb, share: number): Rgb {
  const [r, g, b] = one.map((part, index) => part + ((other[index] ?? 0) - part) * share);
  return [r ?? 0, g ?? 0, b ?? 0];
}

/** WCAG 2.2, contrast ratio and relative luminance. */
export function contrast(one: Rgb, other: Rgb): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(rgb: Rgb): number {
  const [r = 0, g = 0, b = 0] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
