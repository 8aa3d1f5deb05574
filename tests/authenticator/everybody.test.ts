import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { en } from '../../services/mobile-app-web-service/web/src/i18n/en.ts';
import { SOON, useLab } from './app.ts';
import { giveLock } from './lock.ts';
import { Authenticator } from './phone.ts';

const lab = useLab();

const ENGLISH: ReadonlySet<unknown> = new Set(Object.values(en));
/** WCAG 2.2, 2.5.5, for what is pressed with a finger. */
const TARGET_PX = 44;
const URI = 'otpauth://totp/Countersign:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Countersign';

/** What axe finds, whatever its weight. */
async function barriers(page: Page): Promise<string[]> {
  if (!(await page.evaluate('globalThis.axe !== undefined'))) await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return (await axe.run()).violations;
  });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}

/** What is too small for a finger, or lies beside the screen. */
async function misplaced(page: Page): Promise<string[]> {
  const small = await page
    .locator('button:not([tabindex="-1"]):visible, select:visible, input:not([type=checkbox]):visible')
    .evaluateAll(
      (targets: { textContent: string; getBoundingClientRect: () => { height: number } }[], leastPx) =>
        targets
          .map((target) => ({ text: target.textContent, height: target.getBoundingClientRect().height }))
          .filter(({ height }) => height < leastPx)
          .map(({ text, height }) => `${height} px: ${text}`),
      TARGET_PX - 0.5,
    );
  const widths = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  );
  return widths[0] > widths[1] ? [...small, `scrolls sideways: ${widths.join(' > ')}`] : small;
}

async function look(page: Page): Promise<string[]> {
  return [...(await barriers(page)), ...(await misplaced(page))];
}

/** Walks through every page. @returns what was found on each. */
async function walk(phone: Authenticator): Promise<Record<string, string[]>> {
  const { page, say } = phone;
  const { server } = lab;
  const found: Record<string, string[]> = {};
  const at = async (name: string, sign: string) => {
    await page.getByText(sign).or(page.getByLabel(sign)).first().waitFor();
    found[name] = await look(page);
  };
  await giveLock(page);
  await phone.open();
  await at('home, empty', say('home.empty'));
  for (const way of ['type', 'paste', 'scan'] as const) {
    await phone.add(way);
    await at(way, say(`${way}.title`));
    await page.goBack();
    if (way === 'scan') await at('add', say('add.title'));
    await page.goBack();
  }
  await phone.openLink(server.invite().link);
  await at('confirm', say('confirm.do'));
  await phone.button(say('confirm.do')).click();
  await at('lock', say('lock.title'));
  await phone.button(say('lock.later')).click();
  await page.getByText(say('confirm.done')).waitFor();
  await phone.addCodes(URI);
  await at('home', say('home.codes'));
  server.ask({
    application: 'VPN',
    source: '203.0.113.7',
    message: 'A sentence that is long enough to need two lines',
  });
  await phone.waitForPrompt();
  await at('prompt', say('prompt.title'));
  await phone.button(say('prompt.fraud')).click();
  await at('fraud', say('prompt.fraudTitle'));
  await phone.button(say('app.cancel')).click();
  await phone.deny();
  await phone.outcome();
  await at('outcome', say('outcome.denied'));
  await phone.close();
  await phone.openAccount('Daugava Shipping');
  await at('account', say('account.history'));
  await phone.button(say('account.remove')).click();
  await at('remove', say('account.removeText'));
  await phone.button(say('app.cancel')).click();
  await phone.button(say('app.back')).click();
  await phone.button(say('home.settings')).click();
  await at('settings', say('settings.theme'));
  return found;
}

const NOTHING = expect.objectContaining({ home: [], prompt: [], outcome: [], account: [], settings: [] });
const findings = (found: Record<string, string[]>) =>
  Object.fromEntries(Object.entries(found).filter(([, of]) => of.length > 0));

describe('WEB: axe finds nothing, and everything can be read and pressed', () => {
  test('in the light, in English', async () => {
    const found = await walk(await lab.phone({ colorScheme: 'light', viewport: { width: 1280, height: 800 } }));
    expect(findings(found)).toEqual({});
    expect(found).toEqual(NOTHING);
  });

  test('in the dark, in Russian, 320 px wide, with large text', async () => {
    const english = await lab.phone({ colorScheme: 'dark', locale: 'ru-RU', viewport: { width: 320, height: 640 } });
    const phone = new Authenticator(english.page, english.base, 'ru');
    await phone.page.addInitScript("localStorage.setItem('countersign-large', 'yes')");
    const found = await walk(phone);
    expect(findings(found)).toEqual({});
    expect(await phone.page.locator('html').getAttribute('lang')).toBe('ru');
    const lines = (await phone.page.locator('body').innerText()).split('\n');
    expect(lines.filter((line) => ENGLISH.has(line.trim()))).toEqual([]);
  });

  test('with text of twice the size', async () => {
    const phone = await lab.activated({ viewport: { width: 320, height: 640 } });
    await phone.page.evaluate("document.documentElement.style.fontSize = '200%'");
    lab.server.ask({ application: 'VPN', source: '203.0.113.7' });
    await phone.waitForPrompt();
    expect(await misplaced(phone.page)).toEqual([]);
  });
});

test('by keyboard alone a sign-in is approved, and the focus comes back', async () => {
  const phone = await lab.activated();
  const { page } = phone;
  const focused = () => page.evaluate<string>('document.activeElement.innerText || document.activeElement.name || ""');
  const tabTo = async (name: string) => {
    for (let presses = 0; presses < 30; presses += 1) {
      await page.keyboard.press('Tab');
      if ((await focused()).startsWith(name)) return;
    }
    throw new Error(`the keyboard never comes to ${name}`);
  };
  await phone.openAccount('Daugava Shipping');
  await tabTo('Rename');
  const { number } = lab.server.ask({ application: 'Wiki' });
  await phone.waitForPrompt('Wiki');
  await expect.poll(focused, SOON).toBe('Is this you signing in?');
  // Said at once, wherever one was.
  expect(await page.locator('[aria-live=assertive]').innerText()).toBe('Sign-in to Wiki: is this you?');
  await tabTo('number');
  await page.keyboard.type(number);
  await page.keyboard.press('Enter');
  expect(await phone.outcome()).toBe('Approved. You are being signed in.');
  await tabTo('Close');
  await page.keyboard.press('Enter');
  await expect.poll(focused, SOON).toBe('Daugava Shipping');
});

test('the settings are kept', async () => {
  const phone = await lab.phone();
  await phone.open();
  await phone.button('Settings').click();
  await phone.page.getByLabel('Language').selectOption('ru');
  await phone.page.getByLabel('Оформление').selectOption('dark');
  await phone.page.getByLabel('Крупный текст').check();
  await phone.page.reload();
  await phone.page.getByRole('heading', { name: 'Настройки' }).waitFor();
  const root = phone.page.locator('html');
  expect(await root.getAttribute('data-theme')).toBe('dark');
  expect(await root.getAttribute('data-text')).toBe('large');
});
