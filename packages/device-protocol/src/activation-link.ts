import { THUMBPRINT_PATTERN } from './device-key.ts';

/** What the QR code of an activation holds. */
export interface ActivationLink {
  /** Origins of the service, the first of which serves the authenticator. 1 to 4, HTTPS. */
  readonly servers: readonly string[];
  readonly activationId: string;
  /** One-time, at least 128 bits, base64url. */
  readonly code: string;
  /** Thumbprint of the server's key: what it says later has to be signed by this one. */
  readonly serverKeyThumbprint: string;
  /** Name of the organisation, to show. */
  readonly organisation: string;
}

const MAX_CHARACTERS = 2048;
const MAX_SERVERS = 4;
const MAX_ORGANISATION_CHARACTERS = 128;
const APP_PATH = '/app/';
const VERSION = '1';

/**
 * A link that any camera can open. Everything secret stands behind the `#`: browsers send that to nobody, so no log of a server or proxy
 * holds it (RFC 3986 section 3.5).
 * @throws RangeError when no server is given.
 */
export function activationLink(link: ActivationLink): string {
  const [first, ...others] = link.servers;
  if (first === undefined) throw new RangeError('an activation link names at least one server');
  const fragment = new URLSearchParams({
    activate: VERSION,
    id: link.activationId,
    code: link.code,
    key: link.serverKeyThumbprint,
    org: link.organisation,
  });
  for (const other of others) fragment.append('server', other);
  return `${first}${APP_PATH}#${fragment.toString()}`;
}

/** What a camera read, or undefined when it is anything else than such a link. Never throws. */
export function parseActivationLink(text: string): ActivationLink | undefined {
  if (text.length > MAX_CHARACTERS || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.pathname !== APP_PATH || url.search !== '') return undefined;
  const fragment = new URLSearchParams(url.hash.slice(1));
  const one = (name: string) => {
    const [value, ...others] = fragment.getAll(name);
    return others.length > 0 ? undefined : value;
  };
  const [version, activationId, code, serverKeyThumbprint, organisation] = ['activate', 'id', 'code', 'key', 'org'].map(
    one,
  );
  const servers = [url.origin, ...fragment.getAll('server')];
  if (version !== VERSION || servers.length > MAX_SERVERS || !servers.every(isServer)) return undefined;
  if (url.username !== '' || url.password !== '') return undefined;
  if (activationId === undefined || !/^[\w-]{16,64}$/.test(activationId)) return undefined;
  if (code === undefined || !/^[\w-]{22,64}$/.test(code)) return undefined;
  if (serverKeyThumbprint === undefined || !THUMBPRINT_PATTERN.test(serverKeyThumbprint)) return undefined;
  if (organisation === undefined || organisation === '' || organisation.length > MAX_ORGANISATION_CHARACTERS)
    return undefined;
  return { servers, activationId, code, serverKeyThumbprint, organisation };
}

function isServer(origin: string): boolean {
  return URL.canParse(origin) && new URL(origin).origin === origin && new URL(origin).protocol === 'https:';
}
