import { base32Decode } from '@countersign/otp/base32';

export type Algorithm = 'SHA1' | 'SHA256' | 'SHA512';
export interface CodeParameters {
  readonly algorithm: Algorithm;
  readonly digits: 6 | 8;
  readonly periodSeconds: 30 | 60;
}

/** What stands in the QR code of a TOTP account. */
export interface OtpauthAccount extends CodeParameters {
  readonly issuer: string;
  readonly account: string;
  readonly secret: Uint8Array<ArrayBuffer>;
}

const ALGORITHMS = ['SHA1', 'SHA256', 'SHA512'] as const;
const DIGITS = [6, 8] as const;
const PERIODS = [30, 60] as const;
const MAX_CHARACTERS = 2048;
const MAX_NAME_CHARACTERS = 256;

/**
 * A key URI, or undefined for anything else: what this app does not know exactly, it does not show wrong codes of.
 * @see https://github.com/google/google-authenticator/wiki/Key-Uri-Format
 */
export function parseOtpauth(text: string): OtpauthAccount | undefined {
  if (text.length > MAX_CHARACTERS || !URL.canParse(text)) return undefined;
  const { protocol, host, pathname, searchParams } = new URL(text);
  // Some engines take `//totp` for a part of the path.
  const [kind, label] = host === '' ? pathname.replace(/^\/\//, '').split(/\/(.*)/s) : [host, pathname.slice(1)];
  if (protocol !== 'otpauth:' || kind?.toLowerCase() !== 'totp') return undefined;
  const secret = base32Decode(searchParams.get('secret') ?? '');
  const algorithm = ALGORITHMS.find((one) => one === (searchParams.get('algorithm') ?? 'SHA1').toUpperCase());
  const digits = DIGITS.find((one) => String(one) === (searchParams.get('digits') ?? '6'));
  const periodSeconds = PERIODS.find((one) => String(one) === (searchParams.get('period') ?? '30'));
  if (secret === undefined || secret.length === 0) return undefined;
  if (algorithm === undefined || digits === undefined || periodSeconds === undefined) return undefined;
  const names = namesOf(label ?? '', searchParams.get('issuer'));
  if (names === undefined) return undefined;
  // A copy: Web Crypto takes no memory that may be shared, which the type of the other does not rule out.
  return { ...names, secret: new Uint8Array(secret), algorithm, digits, periodSeconds };
}

function namesOf(label: string, issuerParameter: string | null): { issuer: string; account: string } | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(label);
  } catch {
    return undefined;
  }
  const [before = '', after] = decoded.split(/:(.*)/s);
  const account = (after ?? before).trim();
  const issuer = (issuerParameter ?? (after === undefined ? '' : before)).trim();
  if (account === '' && issuer === '') return undefined;
  const areShowable = [account, issuer].every((name) => name.length <= MAX_NAME_CHARACTERS && !/\p{Cc}/u.test(name));
  return areShowable ? { issuer, account } : undefined;
}
