import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SettingsError } from '@countersign/config';
import type { Environment } from './environment.ts';
import { readLogo, type Logo } from './pages/logo.ts';
import type { PortalOptions } from './portal.ts';

/** Pages of the release: from `src` and from `dist` alike. */
export const PAGES = join(import.meta.dirname, '../web/dist');
const LOGO_BYTES = 256 * 1024;

/** @throws SettingsError when the file is not there, or is no logo. */
export function logoOf({ COUNTERSIGN_LOGO_FILE: path }: Environment): Logo | undefined {
  if (path === undefined) return undefined;
  const problem = new SettingsError([
    `COUNTERSIGN_LOGO_FILE names ${path}, which is no SVG or PNG of at most 256 KiB. Set it to one, or leave it out.`,
  ]);
  if (!existsSync(path)) throw problem;
  const bytes = readFileSync(path);
  const logo = bytes.length <= LOGO_BYTES ? readLogo(bytes) : undefined;
  if (logo === undefined) throw problem;
  return logo;
}

export function providerOf(settings: Environment): PortalOptions['provider'] {
  const { COUNTERSIGN_OIDC_ISSUER: issuer, COUNTERSIGN_OIDC_CLIENT_ID: clientId } = settings;
  if (issuer === undefined || clientId === undefined) return undefined;
  return {
    issuer,
    clientId,
    clientSecret: settings.COUNTERSIGN_OIDC_CLIENT_SECRET,
    authorities: settings.COUNTERSIGN_OIDC_CA,
    name: settings.COUNTERSIGN_OIDC_NAME,
  };
}
