import { chromium, type Browser, type Page } from 'playwright-core';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian's Chromium: nothing is fetched. */
export function launchBrowser(more: readonly string[] = []): Promise<Browser> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const executablePath = folders.map((folder) => join(folder, 'chromium')).find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error('chromium is missing (Debian: apt-get install chromium)');
  // As root, and in containers without shared memory, Chromium starts only like this. It loads pages of ours alone.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', ...more] });
}

/** As if this browser had never been at the portal. A new window, or an empty page between, is a new process, which costs more than most tests. */
export async function forget(page: Page, origin: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Storage.clearDataForOrigin', { origin, storageTypes: 'cookies,local_storage' });
  await session.detach();
}
