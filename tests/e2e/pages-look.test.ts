import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { en } from '../../services/user-portal/web/src/i18n/en.ts';
import { ru } from '../../services/user-portal/web/src/i18n/ru.ts';
import { forget, launchBrowser } from '../pages/browser.ts';
import { account, welcome } from '../pages/people.ts';
import { SCENES, type Read, type Scene } from '../pages/scenes.ts';
import { startStandIn, type StandIn } from '../pages/stand-in.ts';

/** A folder for people to look at: every page in both themes, widths and languages. Without it none is written. */
const SCREENSHOTS = process.env['COUNTERSIGN_SCREENSHOTS'];
const WIDTHS = [360, 1280] as const;
const THEMES = ['light', 'dark'] as const;
const LANGUAGES = { en, ru } as const;
type LanguageName = keyof typeof LANGUAGES;
/**
 * What axe sees of a page: each theme, each language and each width once. Colours follow from the theme alone and words from the language
 * alone, so that it need not see them in every combination.
 */
const SEEN_BY_AXE = ['en-light-1280', 'ru-dark-360'];
const ENGLISH: ReadonlySet<unknown> = new Set(Object.values(en));
/** A first page that is small enough for a bad network. */
const FIRST_PAGE_BYTES = 120 * 1024;
/** WCAG 2.2, 2.5.5, for what is pressed with a finger. */
const TARGET_PX = 44;

let browser: Browser;
let portal: StandIn;
let page: Page;
/** What the browser held against a page: its policy (APP-11), or an error that nobody caught. */
let complaints: string[] = [];

beforeAll(async () => {
  if (SCREENSHOTS !== undefined) mkdirSync(SCREENSHOTS, { recursive: true });
  portal = await startStandIn();
  browser = await launchBrowser();
  page = await browser.newPage({ locale: 'en', timezoneId: 'UTC', reducedMotion: 'reduce' });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // That a call was refused is what some scenes are about.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
});
afterAll(async () => {
  await browser?.close();
  await portal?.close();
});

function reader(language: LanguageName): Read {
  const messages = LANGUAGES[language] as unknown as Record<string, string | ((...parts: string[]) => string)>;
  return (key, ...parts) => {
    const message = messages[key];
    if (message === undefined || message === '') throw new Error(`${language} lacks ${key}`);
    return typeof message === 'string' ? message : message(...parts);
  };
}

/** What axe finds that keeps somebody out. */
async function barriers(): Promise<string[]> {
  if (!(await page.evaluate('globalThis.axe !== undefined'))) await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run: () => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    return (await axe.run()).violations;
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}

/** What is too small for a finger. */
function smallTargets(): Promise<string[]> {
  // Of tabindex -1: what only screen readers find, at both ends of a dialog.
  return page
    .locator('button:not([tabindex="-1"]):visible, select:visible, input:not([type=checkbox]):visible')
    .evaluateAll(
      (targets: { textContent: string; getBoundingClientRect: () => { height: number } }[], leastPx) =>
        targets
          .map((target) => ({ text: target.textContent, height: target.getBoundingClientRect().height }))
          .filter(({ height }) => height < leastPx)
          .map(({ text, height }) => `${height} px: ${text}`),
      TARGET_PX - 0.5,
    );
}

/** What a page that is in another language still says in English. */
async function leftInEnglish(): Promise<string[]> {
  const lines = await page.locator('body').innerText();
  return lines.split('\n').filter((line) => ENGLISH.has(line.trim()));
}

async function photograph(name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  const fullPage = (await page.getByRole('dialog').count()) === 0;
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage });
}

/** A page that a person came to, in English and in the light. */
async function openScene({ replies, go }: Scene): Promise<void> {
  portal.answerWith({ updateAccount: account(), ...replies });
  complaints = [];
  await forget(page, portal.origin);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(portal.origin);
  await go?.(page, reader('en'));
}

/** In the other language on the same page, as somebody chooses it, or, where that is not to be chosen or does not change what was said, anew. */
async function turnTo(language: LanguageName, { go, saysOnce = false }: Scene): Promise<void> {
  if (!saysOnce) {
    // Behind a dialog, too.
    await page.locator('footer select').first().selectOption(language, { force: true });
    return;
  }
  await page.evaluate((chosen) => {
    const { localStorage } = globalThis as unknown as {
      localStorage: { setItem: (key: string, value: string) => void };
    };
    localStorage.setItem('countersign-language', chosen);
  }, language);
  await page.reload();
  await go?.(page, reader(language));
}

test.each(Object.entries(SCENES))(
  'WEB: %s can be read and used, in both themes, on a telephone and on a screen',
  async (name, scene) => {
    await openScene(scene);
    const found: Record<string, unknown> = {};
    const seen: string[] = [];
    for (const language of ['en', 'ru'] as const) {
      const read = reader(language);
      if (language !== 'en') await turnTo(language, scene);
      await page
        .getByText(read(scene.sign))
        .or(page.getByLabel(read(scene.sign)))
        .first()
        .waitFor();
      if ((await page.locator('html').getAttribute('lang')) !== language) found[`wrong lang in ${language}`] = true;
      if (language !== 'en') {
        const left = await leftInEnglish();
        if (left.length > 0) found[`left in English in ${language}`] = left;
      }
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 800 });
        const wide = await page.evaluate('document.documentElement.scrollWidth');
        if (wide !== width) found[`scrolls sideways at ${width} px in ${language}`] = wide;
        const small = await smallTargets();
        if (small.length > 0) found[`too small for a finger at ${width} px in ${language}`] = small;
        for (const colorScheme of THEMES) {
          const look = `${language}-${colorScheme}-${width}`;
          if (!SEEN_BY_AXE.includes(look) && SCREENSHOTS === undefined) continue;
          await page.emulateMedia({ colorScheme });
          // The accent follows the theme in the next frame.
          await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))');
          if (SEEN_BY_AXE.includes(look)) {
            seen.push(look);
            const held = await barriers();
            if (held.length > 0) found[`axe: ${look}`] = held;
          }
          await photograph(`${name}-${width}-${colorScheme}-${language}`);
        }
      }
    }
    if (complaints.length > 0) found['the browser complained'] = complaints;
    if (!(await page.title()).includes('Daugava Shipping') && name !== 'portal-away') found['no title'] = true;
    if ((await page.getByRole('main').count()) !== 1 && fullyShown(name)) found['no main'] = true;
    expect(found).toEqual({});
    expect(seen).toEqual(SEEN_BY_AXE);
  },
);

/** Behind a dialog nothing else is there for a screen reader. */
function fullyShown(name: string): boolean {
  return !['home-rename', 'home-remove', 'home-not-me', 'step-up'].includes(name);
}

test('the first page is under 120 KB on the wire, scripts and styles together', async () => {
  portal.answerWith({ welcome: welcome({ at: 'sign-in' }) });
  const visitor = await browser.newPage();
  const sizes: Record<string, number> = {};
  visitor.on('response', (response) => {
    if (!response.url().includes('/assets/')) return;
    sizes[response.url().replace(/^.*\//, '')] = Number.NaN;
    void response
      .request()
      .sizes()
      .then(({ responseBodySize }) => (sizes[response.url().replace(/^.*\//, '')] = responseBodySize));
  });
  await visitor.goto(portal.origin, { waitUntil: 'networkidle' });
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  await visitor.close();
  expect(Object.keys(sizes).some((name) => name.endsWith('.css'))).toBe(true);
  expect(total, JSON.stringify(sizes)).toBeLessThan(FIRST_PAGE_BYTES);
  expect(total, 'nothing was measured').toBeGreaterThan(10_000);
});
