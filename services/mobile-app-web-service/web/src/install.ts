/** Told when a newer version of the app waits to be used. */
export type OnNewer = (use: () => void) => void;

const WORKER = `${import.meta.env.BASE_URL}sw.js`;

/** Keeps the app on this phone, for a start without a network. Where that cannot be, it works as a page. */
export async function install(onNewer: OnNewer): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  const { serviceWorker } = navigator;
  const wasControlled = serviceWorker.controller !== null;
  serviceWorker.addEventListener('controllerchange', () => {
    // The first one takes over a page of its own version.
    if (wasControlled) location.reload();
  });
  const registration = await serviceWorker.register(trusted(WORKER), {
    scope: import.meta.env.BASE_URL,
    updateViaCache: 'none',
  });
  const use = () => registration.waiting?.postMessage('take-over');
  // Nothing was begun on this page yet.
  if (registration.waiting !== null && wasControlled) return use();
  registration.addEventListener('updatefound', () => {
    const next = registration.installing;
    next?.addEventListener('statechange', () => {
      if (next.state === 'installed' && serviceWorker.controller !== null) onNewer(use);
    });
  });
  document.addEventListener('visibilitychange', () => {
    // Without a network there is none.
    if (document.visibilityState === 'visible') registration.update().catch(() => undefined);
  });
}

interface Policies {
  createPolicy: (
    name: string,
    rules: { createScriptURL: (address: string) => string },
  ) => {
    createScriptURL: (address: string) => string;
  };
}

/** The policy of the page lets no address become a script that was not named here. */
function trusted(address: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: Policies };
  const policy = trustedTypes?.createPolicy('countersign-worker', {
    createScriptURL: (asked) => (asked === WORKER ? asked : ''),
  });
  return policy?.createScriptURL(address) ?? address;
}
