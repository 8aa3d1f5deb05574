import { randomBytes } from 'node:crypto';

const NONCE_BYTES = 18;

export function newNonce(): string {
  return randomBytes(NONCE_BYTES).toString('base64');
}

export interface PageRights {
  /** Of the scripts that may run, those that they load, and the two styles that react-aria puts in. */
  nonce: string;
  /** Where forms may go besides our own origin. */
  formTargets?: readonly string[];
  /** Whether it can be put on a phone's home screen: it then has a manifest and a service worker. */
  isInstallable?: boolean;
}

/**
 * What a page may do: run our scripts, ask us, and show what we sent. Nothing inline, nothing from elsewhere, in nobody's frame.
 * @see https://www.w3.org/TR/CSP3/
 */
export function contentSecurityPolicy({ nonce, formTargets = [], isInstallable = false }: PageRights): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}' 'strict-dynamic'`,
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    ...(isInstallable ? ["manifest-src 'self'", "worker-src 'self'"] : []),
    ["form-action 'self'", ...formTargets].join(' '),
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "object-src 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}
