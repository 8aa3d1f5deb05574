import type { DirectorySettings } from '@countersign/contracts';
import { AndFilter, EqualityFilter, ExtensibleFilter, OrFilter, type Filter } from 'ldapts';
import { canonical, partsOf, sharedParts, type NamePart } from './dn.ts';
import type { DirectoryEntry } from './entry.ts';

/** One search that tells which groups somebody is in. */
export interface GroupQuestion {
  baseDn: string;
  filter: Filter;
  attributes: string[];
  /** More entries than this are no answer to it. */
  most: number;
}

/** LDAP_MATCHING_RULE_IN_CHAIN, [MS-ADTS] section 3.1.1.3.4.4.3: members of members as well. */
const IN_CHAIN = '1.2.840.113556.1.4.1941';
/** What stands above the organisation's own folders. */
const OF_ROOT = /^\s*(?:dc|o|c|st|l)\s*=/i;

/**
 * The one search below whatever holds both the people of this directory and the groups. Groups of another tree are left out: nobody of this
 * directory is in them, or it cannot tell.
 * @param person as the directory names them.
 * @returns undefined when no group is of this directory.
 */
export function groupQuestion(
  settings: Pick<DirectorySettings, 'kind' | 'baseDn'>,
  person: string,
  groups: readonly string[],
): GroupQuestion | undefined {
  const base = partsOf(settings.baseDn) ?? [];
  const root = base.slice(base.findLastIndex(({ text }) => !OF_ROOT.test(text)) + 1);
  const ours = groups.filter((group) => isBelow(partsOf(group), root));
  if (root.length === 0 || ours.length === 0) return undefined;
  const depth = Math.min(base.length, ...ours.map((group) => sharedParts(base, partsOf(group) ?? [])));
  const baseDn = base
    .slice(base.length - depth)
    .map(({ text }) => text)
    .join(',');
  const question = { baseDn, most: ours.length + 1 };
  if (settings.kind === 'active-directory') {
    const isMember = new ExtensibleFilter({ matchType: 'member', rule: IN_CHAIN, value: person });
    return { ...question, filter: all(isOneOf('distinguishedName', ours), isMember), attributes: ['1.1'] };
  }
  const isMember = any(['member', 'uniqueMember'].map((attribute) => equals(attribute, person)));
  return {
    ...question,
    // The entry of the person says of groups what their own entries do not: those that are nested, or made by a filter.
    filter: any([all(isOneOf('entryDN', ours), isMember), equals('entryDN', person)]),
    attributes: ['memberOf'],
  };
}

/** Which of the groups the answer names, each as it was asked for. */
export function groupsIn(entries: readonly DirectoryEntry[], person: string, groups: readonly string[]): string[] {
  const self = canonical(person);
  const named = entries.flatMap((entry) => {
    const dn = canonical(textsOf(entry['dn'])[0] ?? '');
    return dn === self ? textsOf(entry['memberOf']).map(canonical) : [dn];
  });
  const found = new Set(named.filter((name) => name !== undefined));
  return groups.filter((group) => found.has(canonical(group) ?? ''));
}

function isBelow(parts: readonly NamePart[] | undefined, root: readonly NamePart[]): boolean {
  return parts !== undefined && parts.length > root.length && sharedParts(root, parts) === root.length;
}

const equals = (attribute: string, value: string) => new EqualityFilter({ attribute, value });
const any = (filters: Filter[]) => new OrFilter({ filters });
const all = (...filters: Filter[]) => new AndFilter({ filters });
const isOneOf = (attribute: string, values: readonly string[]) => any(values.map((value) => equals(attribute, value)));

function textsOf(value: DirectoryEntry[string] | undefined): string[] {
  return [value].flat().filter((one) => typeof one === 'string');
}
