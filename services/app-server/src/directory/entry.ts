import type { DirectorySettings } from '@countersign/contracts';
import { phoneOf } from './phone.ts';
import { attributesOf, namesFor } from './names.ts';
import { DirectoryProblem } from './problem.ts';

export type AccountStatus = 'enabled' | 'disabled' | 'expired' | 'locked';

/** Whoever a directory knows, as far as we want to know. */
export interface DirectoryPerson {
  /** For ever the same: objectGUID as hex, or entryUUID. */
  objectId: string;
  dn: string;
  username: string;
  /** The other names that lead to this person. */
  names: string[];
  displayName?: string;
  mail?: string;
  language?: string;
  /** E.164, those that take text messages. */
  phones: string[];
  status: AccountStatus;
  /** When the account was made, ms since the epoch, where the directory says so. */
  createdAt?: number;
}

/** What a client of LDAP gives: a text, bytes, or several of either. */
export type DirectoryEntry = Readonly<Record<string, Buffer | Buffer[] | string[] | string>>;

/** [MS-ADTS] section 2.2.16, ADS_UF_ACCOUNTDISABLE. */
const ACCOUNT_DISABLED = 0x2;
/** Between 1601-01-01, from which Active Directory counts steps of 100 ns, and 1970-01-01. */
const EPOCH_1601_MS = 11_644_473_600_000n;
const NEVER = 0x7fff_ffff_ffff_ffffn;
/** [MS-ADTS] section 3.1.1.1.4, and RFC 4512 section 3.4.2: neither can be set by whom it is about. */
const CREATED_AT: Record<DirectorySettings['kind'], string> = {
  'active-directory': 'whenCreated',
  ldap: 'createTimestamp',
};
const LONGEST_TEXT = 256;

/** Of which attributes a person is made. */
export function attributesToRead(settings: DirectorySettings): string[] {
  const { id, username, principalName, displayName, mail, language, phones } = attributesOf(settings);
  const status =
    settings.kind === 'active-directory'
      ? ['userAccountControl', 'accountExpires', 'lockoutTime']
      : ['pwdAccountLockedTime', 'nsAccountLock', 'shadowExpire'];
  const more = [...phones, ...status, CREATED_AT[settings.kind]];
  return [...new Set([id, username, principalName, displayName, mail, language, ...more])];
}

/**
 * @returns undefined when it is nobody: without an id or a name there is no person.
 * @throws DirectoryProblem where nobody could say whether the account is disabled.
 */
export function personOf(settings: DirectorySettings, entry: DirectoryEntry, now: number): DirectoryPerson | undefined {
  const attributes = attributesOf(settings);
  const objectId = idOf(settings, entry[attributes.id]);
  const username = textOf(entry[attributes.username]);
  const dn = typeof entry['dn'] === 'string' ? entry['dn'] : undefined;
  if (objectId === undefined || username === undefined || dn === undefined) return undefined;
  const optional = {
    displayName: textOf(entry[attributes.displayName]),
    mail: textOf(entry[attributes.mail]),
    language: languageOf(textOf(entry[attributes.language])),
  };
  const createdAt = timeOf(textOf(entry[CREATED_AT[settings.kind]]));
  const principalName = textOf(entry[attributes.principalName]);
  const names = namesFor(settings, {
    username,
    ...(principalName !== undefined && { principalName }),
    ...(optional.mail !== undefined && { mail: optional.mail }),
  });
  return {
    objectId,
    dn,
    username,
    names,
    phones: [...new Set(attributes.phones.flatMap((name) => phoneOf(textOf(entry[name]), settings.country) ?? []))],
    status: statusOf(settings, entry, now),
    ...(createdAt !== undefined && { createdAt }),
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<
      Record<keyof typeof optional, string>
    >),
  };
}

function statusOf({ kind }: DirectorySettings, entry: DirectoryEntry, now: number): AccountStatus {
  if (kind === 'active-directory') {
    const control = textOf(entry['userAccountControl']) ?? '';
    // Every account has it. Whoever cannot read it would take those that are disabled for enabled.
    if (!/^-?\d+$/.test(control)) throw new DirectoryProblem('userAccountControl of a person cannot be read');
    if ((Number(control) & ACCOUNT_DISABLED) !== 0) return 'disabled';
    const expires = bigintOf(textOf(entry['accountExpires']));
    if (expires > 0n && expires < NEVER && expires / 10_000n - EPOCH_1601_MS <= BigInt(now)) return 'expired';
    return bigintOf(textOf(entry['lockoutTime'])) > 0n ? 'locked' : 'enabled';
  }
  if (textOf(entry['nsAccountLock'])?.toLowerCase() === 'true') return 'disabled';
  // draft-behera-ldap-password-policy-11 section 5.3.3: this time means "by an administrator, until further notice".
  const lockedAt = textOf(entry['pwdAccountLockedTime']);
  if (lockedAt === '000001010000Z') return 'disabled';
  const expiresOnDay = Number(textOf(entry['shadowExpire']) ?? -1);
  if (expiresOnDay >= 0 && expiresOnDay * 86_400_000 <= now) return 'expired';
  return lockedAt === undefined ? 'enabled' : 'locked';
}

function idOf({ kind }: DirectorySettings, value: DirectoryEntry[string] | undefined): string | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  if (kind === 'active-directory')
    return Buffer.isBuffer(first) && first.length === 16 ? first.toString('hex') : undefined;
  const text = typeof first === 'string' ? first.trim().toLowerCase() : undefined;
  return text === undefined || text === '' || text.length > LONGEST_TEXT ? undefined : text;
}

/** The first value, as far as it is a text of reasonable length that can be shown. */
function textOf(value: DirectoryEntry[string] | undefined): string | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  const text = Buffer.isBuffer(first) ? first.toString('utf8') : first;
  const trimmed = text?.trim() ?? '';
  return trimmed === '' || trimmed.length > LONGEST_TEXT || /\p{Cc}/u.test(trimmed) ? undefined : trimmed;
}

/** RFC 2798 section 2.7 allows several with weights; the first is what somebody wants. */
function languageOf(text: string | undefined): string | undefined {
  const first = text?.split(/[,;]/)[0]?.trim().toLowerCase();
  return first !== undefined && /^[a-z]{2,3}(-[a-z0-9]{2,8})*$/.test(first) ? first : undefined;
}

/** Generalized time in UTC, as every server writes it. @see RFC 4517 section 3.3.13 */
function timeOf(text: string | undefined): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:[.,]\d+)?Z$/.exec(text ?? '');
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second = '00'] = match;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? undefined : time;
}

function bigintOf(text: string | undefined): bigint {
  return text !== undefined && /^[0-9]{1,19}$/.test(text) ? BigInt(text) : 0n;
}
