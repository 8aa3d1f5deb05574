import { base32Encode } from './base32.ts';
import { checkSecretLength } from './secret-length.ts';
import type { TotpParameters } from './totp.ts';

const DEFAULTS = { algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const;

/**
 * The URI that an authenticator app reads from the QR image (OATH-60). It holds the secret: show it once, log it never.
 * The issuer stands in the label and in the parameter; apps differ in which they read. Defaults are left out, because
 * apps that know nothing else refuse to read them, or worse, ignore them (OATH-28).
 * @throws RangeError for an issuer or account that is blank or holds a colon, a control character or half a surrogate pair,
 * and for a secret of the wrong length
 * @see https://github.com/google/google-authenticator/wiki/Key-Uri-Format
 */
export function otpauthUri({
  issuer,
  account,
  secret,
  algorithm,
  digits,
  periodSeconds,
}: TotpParameters & { issuer: string; account: string }): string {
  checkSecretLength(secret, algorithm);
  const label = `${encoded('issuer', issuer)}:${encoded('account', account)}`;
  const parameters = [
    `secret=${base32Encode(secret)}`,
    `issuer=${encoded('issuer', issuer)}`,
    ...(algorithm === DEFAULTS.algorithm ? [] : [`algorithm=${algorithm}`]),
    ...(digits === DEFAULTS.digits ? [] : [`digits=${digits}`]),
    ...(periodSeconds === DEFAULTS.periodSeconds ? [] : [`period=${periodSeconds}`]),
  ];
  return `otpauth://totp/${label}?${parameters.join('&')}`;
}

function encoded(name: 'issuer' | 'account', text: string): string {
  if (text.trim() === '') throw new RangeError(`${name} must not be blank`);
  // A colon separates issuer and account in the label; escaped ones are unescaped by some apps before they split.
  if (text.includes(':')) throw new RangeError(`${name} must not hold a colon`);
  if (/\p{Cc}/u.test(text) || !text.isWellFormed()) throw new RangeError(`${name} must be readable text`);
  return encodeURIComponent(text);
}
