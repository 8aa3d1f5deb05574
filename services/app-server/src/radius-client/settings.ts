import {
  ACCEPT_FORGEABLE,
  MfaError,
  type InvalidField,
  type Policy,
  type RadiusClientSettings,
} from '@countersign/contracts';
import { attributeFrom, DICTIONARY, networkText, readNetwork, type Attribute } from '@countersign/radius';
import { effectiveSettings } from './effective.ts';

/**
 * Of an Access-Accept of 4096 octets and 200 attributes, what settings may fill: the rest is for State, Proxy-State, keys, and what an
 * upstream server returns. Counted as if somebody were in every group.
 */
const MOST_OCTETS = 2048;
const MOST_ATTRIBUTES = 120;
/** Type and length (RFC 2865 section 5). */
const HEADER_OCTETS = 2;

const DNS_NAME = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?$/;

type Certificate = NonNullable<RadiusClientSettings['certificates']>[number];

/** What a setting is held against besides the other settings. */
interface Beside {
  /** Of the application that the settings name. */
  policy: Pick<Policy, 'methods'>;
  confirmation?: string | undefined;
}

/**
 * Settings as they are kept: networks and names in the one spelling that each has.
 * @throws MfaError REQUEST_INVALID that names everything that is wrong, each with what to do.
 */
export function checkedSettings(given: RadiusClientSettings, beside: Beside): RadiusClientSettings {
  const invalid: InvalidField[] = [];
  const networks = networksOf(given.networks, invalid);
  const certificates = certificatesOf(given.certificates ?? [], invalid);
  if (given.networks.length === 0 && certificates.length === 0)
    invalid.push({ pointer: '/settings/networks', message: 'at least one network, or one certificate, is needed' });
  const settings: RadiusClientSettings = {
    ...given,
    networks,
    ...(given.certificates !== undefined && { certificates }),
  };
  checkAttributes(settings, invalid);
  for (const rule of RULES) {
    const problem = rule(settings, beside);
    if (problem !== undefined) invalid.push(problem);
  }
  if (invalid.length > 0) throw new MfaError('REQUEST_INVALID', { invalid });
  return settings;
}

/**
 * Whether nothing can be typed by whoever logs in from there, so that the app is all that is left (RAD-64): no password in the clear
 * comes from it, or it neither shows a challenge nor takes a code behind the password.
 */
export function needsApp(settings: RadiusClientSettings): boolean {
  const { passwords, supportsChallenge } = effectiveSettings(settings, false);
  if (!passwords.includes('pap')) return true;
  return !supportsChallenge && settings.appended.how === 'none' && settings.firstFactor.by !== 'none';
}

/** Whether somebody in between can turn an Access-Reject into an Access-Accept (CVE-2024-3596). Over TLS alone nobody can. */
export function isForgeable(
  { networks, requireMessageAuthenticator, limitProxyState }: RadiusClientSettings,
  hasLearnt: boolean,
): boolean {
  if (networks.length === 0 || limitProxyState) return false;
  return requireMessageAuthenticator === 'no' || (requireMessageAuthenticator === 'auto' && !hasLearnt);
}

type Rule = (settings: RadiusClientSettings, beside: Beside) => InvalidField | undefined;

const RULES: readonly Rule[] = [
  ({ firstFactor, requireUserMatch }) => {
    if (firstFactor.by !== 'none' || requireUserMatch) return undefined;
    const message = 'must be true where firstFactor is none: nobody would have checked anything of strangers';
    return { pointer: '/settings/requireUserMatch', message };
  },
  ({ firstFactor, passwords = [] }) => {
    const strange = passwords.filter((kind) => kind !== 'pap');
    if (firstFactor.by === 'upstream' || strange.length === 0) return undefined;
    const message = `${strange.join(' and ')} can be checked by an upstream server only: set firstFactor, or leave pap`;
    return { pointer: '/settings/passwords', message };
  },
  (settings) => {
    if (settings.appended.how === 'none') return undefined;
    if (settings.firstFactor.by === 'none') {
      const message = 'must be none where firstFactor is none: what is typed is the code, and nothing stands before it';
      return { pointer: '/settings/appended', message };
    }
    if (effectiveSettings(settings, false).passwords.includes('pap')) return undefined;
    const message = 'must be none without pap: of other passwords only a hash comes, and no code is behind it';
    return { pointer: '/settings/appended', message };
  },
  (settings) => {
    if (!needsApp(settings) || settings.allowPlainApproval) return undefined;
    const message =
      'must be true here: it neither shows a challenge nor takes a code with the password, so that an approval in the app ' +
      'without a number is all there is. Or set appended, or supportsChallenge with pap';
    return { pointer: '/settings/allowPlainApproval', message };
  },
  (settings, { policy }) => {
    if (!needsApp(settings) || policy.methods.order.includes('app')) return undefined;
    const message =
      'has a policy without app in methods.order, and from this client nothing else can be answered (no code can be typed there)';
    return { pointer: '/settings/applicationId', message };
  },
  (settings, { confirmation }) => {
    if (!isForgeable(settings, false) || confirmation === ACCEPT_FORGEABLE) return undefined;
    const message =
      'without Message-Authenticator and without limitProxyState whoever is between the client and here can let anybody in ' +
      `(CVE-2024-3596). To accept that, type: ${ACCEPT_FORGEABLE}`;
    return { pointer: '/confirmation', message };
  },
];

function networksOf(given: readonly string[], invalid: InvalidField[]): string[] {
  const kept = new Set<string>();
  for (const [index, text] of given.entries()) {
    const pointer = `/settings/networks/${index}`;
    try {
      const network = networkText(readNetwork(text));
      if (kept.has(network)) invalid.push({ pointer, message: 'is there twice' });
      kept.add(network);
    } catch (error) {
      invalid.push({ pointer, message: sentenceOf(error) });
    }
  }
  return [...kept];
}

function certificatesOf(given: readonly Certificate[], invalid: InvalidField[]): Certificate[] {
  const kept = new Map<string, Certificate>();
  for (const [index, certificate] of given.entries()) {
    const pointer = `/settings/certificates/${index}`;
    const known = 'name' in certificate ? { name: certificate.name.toLowerCase() } : certificate;
    if ('name' in known && !DNS_NAME.test(known.name))
      invalid.push({ pointer: `${pointer}/name`, message: 'is no DNS name; wildcards are not taken' });
    const key = JSON.stringify(known);
    if (kept.has(key)) invalid.push({ pointer, message: 'is there twice' });
    kept.set(key, known);
  }
  return [...kept.values()];
}

function checkAttributes(settings: RadiusClientSettings, invalid: InvalidField[]): void {
  const { attributes, groups, upstreamAttributes } = settings;
  const made = [
    ...attributes.map((text, index) => attributeOf(text, `/settings/attributes/${index}`, invalid)),
    ...groups.flatMap((group, at) =>
      group.attributes.map((text, index) => attributeOf(text, `/settings/groups/${at}/attributes/${index}`, invalid)),
    ),
  ].filter((attribute) => attribute !== undefined);
  const octets = made.reduce((sum, { value }) => sum + HEADER_OCTETS + value.length, 0);
  if (octets > MOST_OCTETS || made.length > MOST_ATTRIBUTES) {
    const message =
      `with those of groups they are ${made.length} in ${octets} octets, and ${MOST_ATTRIBUTES} in ${MOST_OCTETS} fit into ` +
      'the answer to somebody who is in every group';
    invalid.push({ pointer: '/settings/attributes', message });
  }
  for (const [index, name] of upstreamAttributes.entries()) {
    const pointer = `/settings/upstreamAttributes/${index}`;
    if (!KNOWN_NAMES.has(name.toLowerCase())) invalid.push({ pointer, message: 'is no attribute that is known here' });
  }
}

const KNOWN_NAMES: ReadonlySet<string> = new Set(DICTIONARY.map(({ name }) => name.toLowerCase()));

function attributeOf(
  { name, value }: RadiusClientSettings['attributes'][number],
  pointer: string,
  invalid: InvalidField[],
): Attribute | undefined {
  try {
    return attributeFrom(name, value);
  } catch (error) {
    invalid.push({ pointer, message: sentenceOf(error) });
    return undefined;
  }
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof RangeError)) throw error;
  return error.message;
}
