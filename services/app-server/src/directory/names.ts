import type { DirectorySettings } from '@countersign/contracts';
import { AndFilter, EqualityFilter, FilterParser, type Filter } from 'ldapts';

/** Which attribute holds what. @see RFC 4519, RFC 2798; [MS-ADTS] for Active Directory. */
export interface AttributeNames {
  id: string;
  username: string;
  principalName: string;
  displayName: string;
  mail: string;
  language: string;
  phones: readonly string[];
}

const USUAL: Record<DirectorySettings['kind'], AttributeNames> = {
  'active-directory': {
    id: 'objectGUID',
    username: 'sAMAccountName',
    principalName: 'userPrincipalName',
    displayName: 'displayName',
    mail: 'mail',
    language: 'preferredLanguage',
    phones: ['mobile'],
  },
  ldap: {
    id: 'entryUUID',
    username: 'uid',
    principalName: 'mail',
    displayName: 'displayName',
    mail: 'mail',
    language: 'preferredLanguage',
    phones: ['mobile'],
  },
};

const PERSON: Record<DirectorySettings['kind'], string> = {
  'active-directory': '(&(objectCategory=person)(objectClass=user))',
  ldap: '(objectClass=person)',
};

export function attributesOf({ kind, attributes = {} }: DirectorySettings): AttributeNames {
  const given = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
  return { ...USUAL[kind], ...given };
}

/** RFC 4515 section 3: what would mean something else in a filter, as text. */
export function escapedForFilter(text: string): string {
  return text.replaceAll(/[\\*()\0]/g, (character) => `\\${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** A directory compares in its own way, and not every one sees that two forms are the same letters. */
const FORMS = ['NFC', 'NFKC', 'NFD'] as const;

/**
 * The question for whoever a name may mean, or undefined when the name says that this directory does not know them (R3):
 * `DOMAIN\name` by its domain, `name@suffix` by its suffix, and a bare name in every directory.
 */
export function filterFor(settings: DirectorySettings, typed: string): string | undefined {
  const name = typed.replaceAll(/\s+/gu, ' ').trim();
  const spellings = FORMS.map((form) => name.normalize(form).trim());
  const alternatives = spellings.flatMap((spelling) => alternativesFor(settings, spelling));
  return alternatives.length === 0 ? undefined : whoIs(settings, [...new Set(alternatives)]);
}

function alternativesFor(settings: DirectorySettings, name: string): string[] {
  const { username, principalName, mail } = attributesOf(settings);
  const equals = (attribute: string, value: string) => `(${attribute}=${escapedForFilter(value)})`;
  const [domain, local, ...rest] = name.split('\\');
  if (local !== undefined) {
    const isOurs = rest.length === 0 && isIn(settings.netbiosNames, domain);
    return isOurs && local !== '' ? [equals(username, local)] : [];
  }
  const suffix = suffixOf(name);
  if (suffix === undefined) return name === '' ? [] : [equals(username, name)];
  return isIn(settings.suffixes, suffix) ? [equals(principalName, name), equals(mail, name)] : [];
}

function suffixOf(name: string): string | undefined {
  const at = name.lastIndexOf('@');
  return at === -1 || name.includes('\\') ? undefined : name.slice(at + 1);
}

/** Every name that leads to a person of this directory: one that it would not be asked for is none of theirs. */
export function namesFor(
  settings: DirectorySettings,
  { username, principalName, mail }: { username: string; principalName?: string; mail?: string },
): string[] {
  const isOurs = (name: string | undefined): name is string =>
    name !== undefined && isIn(settings.suffixes, suffixOf(name));
  const names = settings.netbiosNames.map((domain) => `${domain}\\${username}`);
  return [...new Set([...names, ...[principalName, mail].filter(isOurs)])];
}

/**
 * objectGUID as its bytes, entryUUID as text. Not written as `\xx` in a text: the client of LDAP takes that for a character, and writes those
 * above 7f in two bytes.
 */
export function filterForId(settings: DirectorySettings, objectId: string): Filter {
  const { kind, userFilter = PERSON[kind] } = settings;
  const value = kind === 'active-directory' ? Buffer.from(objectId, 'hex') : objectId;
  const isTheirs = new EqualityFilter({ attribute: attributesOf(settings).id, value });
  return new AndFilter({ filters: [FilterParser.parseString(userFilter), isTheirs] });
}

function whoIs({ kind, userFilter = PERSON[kind] }: DirectorySettings, alternatives: readonly string[]): string {
  const named = alternatives.length === 1 ? alternatives[0] : `(|${alternatives.join('')})`;
  return `(&${userFilter}${named})`;
}

function isIn(list: readonly string[], text: string | undefined): boolean {
  return list.some((one) => one.toLowerCase() === text?.toLowerCase());
}
