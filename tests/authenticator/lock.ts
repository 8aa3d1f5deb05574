import type { Page } from 'playwright-core';
import { addVirtualAuthenticator } from '../pages/virtual-authenticator.ts';

/** The lock of a device, as Chromium plays it: whoever is asked unlocks at once, until they are told not to. */
export async function giveLock(page: Page): Promise<{ unlocks: (isUserVerified: boolean) => Promise<void> }> {
  const { session, authenticatorId } = await addVirtualAuthenticator(page);
  return {
    unlocks: async (isUserVerified) => {
      await session.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
    },
  };
}
