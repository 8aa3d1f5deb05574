import { THUMBPRINT_PATTERN } from './device-key.ts';
import { isShowable } from './shown-text.ts';

/** What the QR code of an activation holds. */
export interface ActivationLink {
  /** Origin of the service, which serves the authenticator as well. HTTPS. */
  readonly server: string;
  readonly activationId: string;
  /** One-time, at least 128 bits, base64url. */
  readonly code: string;
  /** Thumbprint of the server's key: what it says later has to be signed by this one. */
  readonly serverKeyThumbprint: string;
  /** Name of the organisation, to show. */
  readonly organisation: string;
}

const MAX_CHARACTERS = 2048;
const MAX_ORGANISATION_CHARACTERS = 128;
const APP_PATH = '/app/';
const VERSION = '1';

/**
 * A link that any camera can open. Everything secret stands behind the `#`: browsers send that to nobody, so no log of a server or proxy
 * holds it (RFC 3986 section 3.5).
 * @throws RangeError when it holds what `parseActivationLink` would refuse.
 */
export function activationLink(link: ActivationLink): string {
  const text = write(link);
  if (parseActivationLink(text)?.organisation !== link.organisation) {
    throw new RangeError('an activation link has an HTTPS origin, and a name of 1 to 128 characters that can be shown');
  }
  return text;
}

function write({ server, ...link }: ActivationLink): string {
  const fragment = new URLSearchParams({
    activate: VERSION,
    id: link.activationId,
    code: link.code,
    key: link.serverKeyThumbprint,
    org: link.organisation,
  });
  // A plus is a space to browsers alone.
  return `${server}${APP_PATH}#${fragment.toString().replaceAll('+', '%20')}`;
}

/**
 * What a camera read, or undefined when it is anything else than such a link, in the one spelling that `activationLink` has. Never throws.
 * Show the name of the server beside that of the organisation: anybody can write any name.
 */
export function parseActivationLink(text: string): ActivationLink | undefined {
  if (text.length > MAX_CHARACTERS || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const fragment = new URLSearchParams(url.hash.slice(1));
  const names = ['id', 'code', 'key', 'org'];
  const [activationId, code, serverKeyThumbprint, organisation] = names.map((name) => fragment.get(name) ?? undefined);
  const server = url.origin;
  if (!isServer(server)) return undefined;
  if (activationId === undefined || !/^[\w-]{16,64}$/.test(activationId)) return undefined;
  if (code === undefined || !/^[\w-]{22,64}$/.test(code)) return undefined;
  if (serverKeyThumbprint === undefined || !THUMBPRINT_PATTERN.test(serverKeyThumbprint)) return undefined;
  if (organisation === undefined || !isName(organisation)) return undefined;
  const link = { server, activationId, code, serverKeyThumbprint, organisation };
  return write(link) === text ? link : undefined;
}

function isName(text: string): boolean {
  return text.trim() !== '' && text.length <= MAX_ORGANISATION_CHARACTERS && isShowable(text);
}

function isServer(origin: string): boolean {
  return URL.canParse(origin) && new URL(origin).origin === origin && new URL(origin).protocol === 'https:';
}
