import { Agent } from 'undici';
import webPush, { type VapidKeys } from 'web-push';
import { post } from './post.ts';
import { isPublicHost, publicLookup } from './public-address.ts';
import type { WakeUpChannel, WakeUpOutcome, WebPushTarget } from './wake-up.ts';

export interface WebPushOptions {
  /** Whom a push service asks when it is unhappy with us: `mailto:` or `https:`. @see RFC 8292 section 2.1 */
  contact: string;
  /** Of the installation: phones subscribe with its public half. */
  vapid: VapidKeys;
  /** Push services of the house, `host` or `host:port`: alone they may have a private address, or another port than 443. */
  ownHosts: readonly string[];
  /** PEM, of who signed the certificates of those; those of the system unless given. */
  authorities?: string | undefined;
}

const CONNECT_MS = 3000;
/** A push service is nobody we know: it does not choose how long a connection stays. */
const IDLE_MS = 10_000;
const MAX_HEADER_BYTES = 8192;

/** Web Push (RFC 8030) without a message: that it arrives is all it says. The endpoint comes from a phone, and may lead anywhere. */
export function webPushChannel({
  contact,
  vapid,
  ownHosts,
  authorities,
}: WebPushOptions): WakeUpChannel<WebPushTarget> {
  const bounds = { keepAliveMaxTimeout: IDLE_MS, maxHeaderSize: MAX_HEADER_BYTES };
  const internet = new Agent({ ...bounds, connect: { timeout: CONNECT_MS, lookup: publicLookup() } });
  const house = new Agent({
    ...bounds,
    connect: { timeout: CONNECT_MS, ...(authorities !== undefined && { ca: authorities }) },
  });

  return {
    kind: 'web-push',
    async wake({ subscription }, { ttlSeconds, signal }) {
      const found = readEndpoint(subscription.endpoint, ownHosts);
      if ('refused' in found) return { outcome: 'failed', reason: found.refused };
      const { url, isOwn } = found;
      // Of the endpoint only the origin, which the signature is for: whoever has the rest can wake the phone.
      const { headers } = webPush.generateRequestDetails(
        { endpoint: `${url.origin}/`, keys: subscription.keys },
        null,
        {
          vapidDetails: { subject: contact, publicKey: vapid.publicKey, privateKey: vapid.privateKey },
          TTL: ttlSeconds,
          urgency: 'high',
        },
      );
      const dispatcher = isOwn ? house : internet;
      const posted = await post({ url: url.href, headers, body: null, dispatcher, signal });
      return posted.end === 'failed' ? { outcome: 'failed', reason: posted.reason } : outcomeOf(posted.status);
    },
    async close() {
      await Promise.all([internet.destroy(), house.destroy()]);
    },
  };
}

type Endpoint = { url: URL; isOwn: boolean } | { refused: 'no_address' | 'not_https' | 'port' | 'private_address' };

/** Whether anything would be sent there; for whoever takes a subscription, too. What a name leads to is seen only when connecting. */
export function readEndpoint(endpoint: string, ownHosts: readonly string[]): Endpoint {
  const url = URL.parse(endpoint);
  if (url === null || url.username !== '' || url.password !== '') return { refused: 'no_address' };
  if (url.protocol !== 'https:') return { refused: 'not_https' };
  // URL leaves 443 out; whoever wrote the list may not have.
  const written = url.port === '' ? [url.host, `${url.host}:443`] : [url.host];
  if (written.some((host) => ownHosts.includes(host))) return { url, isOwn: true };
  if (url.port !== '') return { refused: 'port' };
  return isPublicHost(url.hostname) ? { url, isOwn: false } : { refused: 'private_address' };
}

/** @see RFC 8030 sections 5 and 7.3 */
function outcomeOf(status: number): WakeUpOutcome {
  if (status >= 200 && status <= 299) return { outcome: 'sent' };
  return status === 404 || status === 410 ? { outcome: 'gone' } : { outcome: 'failed', reason: `http_${status}` };
}
