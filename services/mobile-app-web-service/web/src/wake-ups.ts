import type { PushSubscription as Subscription } from '@countersign/contracts';

export function canBeWoken(): boolean {
  return 'PushManager' in globalThis && 'serviceWorker' in navigator;
}

/**
 * Asks the person, then the browser, for a way to be woken while the app is closed. Undefined when either would rather not.
 * @param pushKey by which push services know the server (RFC 8292).
 */
export async function subscribe(pushKey: string): Promise<Subscription | undefined> {
  if ((await Notification.requestPermission()) !== 'granted') return undefined;
  const { pushManager } = await navigator.serviceWorker.ready;
  try {
    const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: pushKey });
    const { endpoint, keys } = subscription.toJSON();
    const { p256dh, auth } = keys ?? {};
    if (endpoint === undefined || p256dh === undefined || auth === undefined) return undefined;
    return { endpoint, keys: { p256dh, auth } };
  } catch {
    return undefined;
  }
}
