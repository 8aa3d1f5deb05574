import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../pages/browser.ts';
import { startHandover, type HandoverStandIn } from '../pages/handover.ts';

let browser: Browser;
let handover: HandoverStandIn;
let page: Page;
/** What the browser held against a page: its policy (APP-11), or an error that nobody caught. */
const complaints: string[] = [];

beforeAll(async () => {
  handover = await startHandover();
  browser = await launchBrowser();
  page = await browser.newPage({ viewport: { width: 360, height: 800 } });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text());
    }
  });
});
afterAll(async () => {
  await browser?.close();
  await handover?.close();
});

const sentTo = (path: string) => handover.sent.filter((sent) => sent.path === path).map(({ fields }) => fields);

describe('approval on the phone, at the page of other applications', () => {
  test('goes on by itself when the phone has answered, under the policy of the page', async () => {
    handover.phoneSays('pending', 503, 'approved');
    await page.goto(`${handover.origin}/verify`);
    await page.getByText('Waiting for your answer on the phone.').waitFor();
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor();
    expect(sentTo('/verify/wait')).toHaveLength(3);
    expect(sentTo('/verify/wait')[0]).toEqual({ form: 'form-key', page: 'page-key' });
    expect(sentTo('/return')).toEqual([{ result: 'signed', state: 'state' }]);
    expect(complaints).toEqual([]);
  });

  test.each([
    ['denied', 'This was refused on the phone'],
    [410, 'This question is over.'],
  ] as const)('%s: says so, waits no longer, and offers to ask again', async (says, sentence) => {
    handover.phoneSays(says);
    await page.goto(`${handover.origin}/verify`);
    await page.getByRole('alert').getByText(sentence).waitFor();
    await page.getByRole('button', { name: 'Ask again' }).click();
    await page.getByText('492', { exact: true }).waitFor();
    expect(sentTo('/verify/method')).toEqual([{ form: 'form-key', page: 'page-key', method: 'app' }]);
  });

  test('WEB: can be read and used in both themes and languages, and by whoever hears it', async () => {
    for (const [language, colorScheme, heard] of [
      ['en', 'light', 'The number is 4 9 2.'],
      ['ru', 'dark', 'Число: 4 9 2.'],
    ] as const) {
      handover.language = language;
      await page.emulateMedia({ colorScheme });
      for (const says of ['pending', 'denied'] as const) {
        handover.phoneSays(says);
        await page.goto(`${handover.origin}/verify`);
        await (says === 'pending' ? page.getByText(heard) : page.getByRole('alert')).waitFor();
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
        await page.evaluate(axe.source);
        const found = await page.evaluate(async () => {
          const { axe: own } = globalThis as unknown as {
            axe: { run: () => Promise<{ violations: { id: string; impact: string }[] }> };
          };
          return (await own.run()).violations;
        });
        expect(found.filter(({ impact }) => impact === 'serious' || impact === 'critical')).toEqual([]);
      }
    }
    expect(complaints).toEqual([]);
  });

  test('without a script, by the button', async () => {
    handover.language = 'en';
    const context = await browser.newContext({ javaScriptEnabled: false });
    const plain = await context.newPage();
    handover.phoneSays('pending', 'approved');
    await plain.goto(`${handover.origin}/verify`);
    await plain.getByRole('button', { name: 'I have approved' }).click();
    await plain.getByText('There is no answer from your phone yet.').waitFor();
    handover.phoneSays('approved');
    await plain.getByRole('button', { name: 'I have approved' }).click();
    await plain.getByRole('button', { name: 'Continue' }).click();
    await plain.getByRole('heading', { name: 'Welcome back' }).waitFor();
    expect(sentTo('/verify/wait')).toEqual([]);
    await context.close();
  });
});
