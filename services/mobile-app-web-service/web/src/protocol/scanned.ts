import { activationLink, parseActivationLink, type ActivationLink } from '@countersign/device-protocol';
import { parseOtpauth, type OtpauthAccount } from '../codes/otpauth.ts';

export type Scanned =
  | { readonly is: 'activation'; readonly link: ActivationLink }
  /** Of a server that this page is not of: its own page is to be opened. */
  | { readonly is: 'elsewhere'; readonly server: string; readonly address: string }
  | { readonly is: 'codes'; readonly codes: OtpauthAccount }
  | { readonly is: 'unknown' };

/** What a camera read or somebody pasted, for the page of this server. */
export function read(text: string, server: string): Scanned {
  const trimmed = text.trim();
  const link = parseActivationLink(trimmed);
  if (link !== undefined) return of(link, server);
  const codes = parseOtpauth(trimmed);
  return codes === undefined ? { is: 'unknown' } : { is: 'codes', codes };
}

export function of(link: ActivationLink, server: string): Scanned {
  return link.server === server
    ? { is: 'activation', link }
    : { is: 'elsewhere', server: link.server, address: activationLink(link) };
}
