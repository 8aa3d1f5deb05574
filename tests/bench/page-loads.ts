import { createHash, X509Certificate } from 'node:crypto';
import type { Page } from 'playwright-core';
import { launchBrowser } from '../pages/browser.ts';

/** What a browser measured of one visit to the sign-in page. */
export interface PageLoad {
  /** Bodies of page, scripts and styles as they came over the wire; 0 for what the browser had kept. */
  bytes: number;
  firstPaintMs: number;
  /** The form is there, which its script draws, and takes input. */
  interactiveMs: number;
}

/** Runs in the page before its own scripts: notes when there is a field that can be typed in. */
const WATCH = `new MutationObserver((_changes, watch) => {
  const field = document.querySelector('input[name=username]');
  if (field === null || field.disabled) return;
  globalThis.interactiveMs = performance.now();
  watch.disconnect();
}).observe(document, { childList: true, subtree: true });`;

const MEASURED = `(() => {
  const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  return {
    bytes: entries.reduce((sum, { transferSize, encodedBodySize }) => sum + (transferSize === 0 ? 0 : encodedBodySize), 0),
    firstPaintMs: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    interactiveMs: globalThis.interactiveMs,
  };
})()`;

/**
 * The first visit of so many new browsers, and the second of each.
 * @param certificatePem of the portal. Believed by its key: a browser keeps nothing of a site whose certificate it was told to overlook.
 */
export async function visitInBrowsers(
  url: string,
  certificatePem: string,
  visits: number,
): Promise<{ first: PageLoad[]; again: PageLoad[]; version: string }> {
  const key = new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' });
  const known = createHash('sha256').update(key).digest('base64');
  const browser = await launchBrowser([`--ignore-certificate-errors-spki-list=${known}`]);
  try {
    const first: PageLoad[] = [];
    const again: PageLoad[] = [];
    for (let visit = 0; visit < visits; visit += 1) {
      const page = await browser.newPage({ locale: 'en' });
      await page.addInitScript(WATCH);
      first.push(await load(page, url));
      again.push(await load(page, url));
      await page.close();
    }
    return { first, again, version: browser.version() };
  } finally {
    await browser.close();
  }
}

async function load(page: Page, url: string): Promise<PageLoad> {
  await page.goto(url, { waitUntil: 'networkidle' });
  const field = page.locator('input[name=username]');
  await field.fill('anna');
  if ((await field.inputValue()) !== 'anna') throw new Error('the form does not keep what is typed');
  return page.evaluate<PageLoad>(MEASURED);
}
