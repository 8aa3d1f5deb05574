import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { launchBrowser } from '../pages/browser.ts';
import { Authenticator } from './phone.ts';
import { startStandIn, type StandIn } from './stand-in.ts';

/** For what happens by itself, on a machine that has other things to do as well. */
export const SOON = { timeout: 15_000 };

/** A server and phones for the tests of one file. Each phone is a browser that was never here; what it complains of fails the test. */
export interface Lab {
  readonly server: StandIn;
  phone: (options?: BrowserContextOptions & { clockBehindMs?: number }) => Promise<Authenticator>;
  /** A phone that is activated, and shows its accounts. */
  activated: (options?: Parameters<Lab['phone']>[0]) => Promise<Authenticator>;
}

/** @param film what the cameras of the phones see. */
export function useLab({ film }: { film?: string } = {}): Lab {
  let browser: Browser;
  let server: StandIn;
  const contexts: BrowserContext[] = [];
  /** What the browsers held against the pages: their policy, or an error that nobody caught. */
  const complaints: string[] = [];
  beforeAll(async () => {
    server = await startStandIn();
    // Workers are not let in by what a page may ignore.
    browser = await launchBrowser([
      '--ignore-certificate-errors',
      '--use-fake-device-for-media-stream',
      ...(film === undefined ? [] : [`--use-file-for-fake-video-capture=${film}`]),
    ]);
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    server.forget();
    const heard = complaints.splice(0);
    if (heard.length > 0) throw new Error(`the browser complained: ${heard.join('; ')}`);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });
  const lab: Lab = {
    get server() {
      return server;
    },
    phone: async ({ clockBehindMs = 0, ...options } = {}) => {
      const context = await browser.newContext({
        locale: 'en',
        timezoneId: 'UTC',
        viewport: { width: 360, height: 740 },
        reducedMotion: 'reduce',
        permissions: ['clipboard-read', 'clipboard-write'],
        ...options,
      });
      contexts.push(context);
      if (clockBehindMs !== 0) {
        await context.addInitScript((behindMs) => {
          const { now } = Date;
          Date.now = () => now() - behindMs;
        }, clockBehindMs);
      }
      const page = await context.newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        // That a call was refused is what some tests are about.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
          complaints.push(message.text());
        }
      });
      return new Authenticator(page, server.origin);
    },
    activated: async (options) => {
      const phone = await lab.phone(options);
      await phone.activate(server.invite().link, 'Test phone');
      return phone;
    },
  };
  return lab;
}
