import { StartRefused } from '../start-refused.ts';

/** Who passkeys are made for. The id is part of every one of them, so a portal that moves to another host has none (WEB-09). */
export interface RelyingParty {
  /** The host of the portal. @see WebAuthn Level 3 section 5.1.2 */
  id: string;
  /** The one origin whose pages may ask for a passkey; compared whole (WEB-05). */
  origin: string;
}

/**
 * @param portalUrl where people reach the portal, from the configuration and never from `Host` (R28).
 * @throws StartRefused with a sentence for the operator: browsers give passkeys to names only, and only over TLS or to localhost.
 */
export function relyingPartyOf(portalUrl: string): RelyingParty {
  const { hostname, origin, protocol } = new URL(portalUrl);
  if (protocol !== 'https:' && hostname !== 'localhost') {
    throw new StartRefused('COUNTERSIGN_PORTAL_URL must begin with https://; only localhost is trusted without TLS.');
  }
  if (isAddress(hostname)) {
    throw new StartRefused('COUNTERSIGN_PORTAL_URL must hold a name and not an address: passkeys are bound to it.');
  }
  return { id: hostname, origin };
}

/**
 * Who the passkeys of phones are made for: the app that mobile-app-web-service serves. Undefined where browsers make none, since it has no
 * name. Activations and approvals without a passkey go on there.
 * @param deviceUrl where phones reach it, from the configuration.
 */
export function relyingPartyOfApp(deviceUrl: string | undefined): RelyingParty | undefined {
  if (deviceUrl === undefined) return undefined;
  const { hostname, origin } = new URL(deviceUrl);
  return isAddress(hostname) ? undefined : { id: hostname, origin };
}

function isAddress(hostname: string): boolean {
  return /^[0-9.]+$|^\[/.test(hostname);
}
