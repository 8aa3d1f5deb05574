import type { InputOf, RadiusAttribute, RadiusClient, radiusLogin, RadiusSighting } from '@countersign/contracts';
import { isCleanText } from '@countersign/http';
import {
  ATTRIBUTE,
  attributesOf,
  MAX_PASSWORD_OCTETS,
  MICROSOFT,
  readText,
  revealPassword,
  VENDOR,
  vendorAttributesOf,
  type Packet,
} from '@countersign/radius';
import { readAccessServer } from './access-server.ts';
import type { Way } from './judge.ts';

/** What of `radius.login` stands in the packet. */
export type AccessRequest = Omit<InputOf<typeof radiusLogin>, 'clientId' | 'source' | 'transport'>;
type Credential = Pick<AccessRequest, 'password' | 'mschap' | 'eap'>;

export type ReadRequest = { seen: RadiusSighting[] } & (
  | { request: AccessRequest }
  | { drop: 'credentials' }
  | { reject: string }
);

/** As many as an operation takes. */
const MOST_FORWARDED = 64;
const CHALLENGE_OCTETS = 16;
const RESPONSE_OCTETS = 50;

/** What proves something, belongs to this hop alone, or is handed on by another name. */
const NEVER_FORWARDED: ReadonlySet<number> = new Set([
  ATTRIBUTE.userName,
  ATTRIBUTE.userPassword,
  ATTRIBUTE.chapPassword,
  ATTRIBUTE.chapChallenge,
  ATTRIBUTE.arapPassword,
  ATTRIBUTE.state,
  ATTRIBUTE.proxyState,
  ATTRIBUTE.eapMessage,
  ATTRIBUTE.messageAuthenticator,
]);

/**
 * Reads the login out of a packet whose proof was looked at. It holds exactly one kind of credential, or State alone (RAD-08, RFC 3579
 * section 3.3 note 1).
 * - `drop`: none or several; no server could answer it.
 * - `reject`: what is understood and can never succeed. CHAP is among it: it cannot be checked against a directory (RAD-09).
 */
export function readAccessRequest(
  packet: Packet,
  client: RadiusClient,
  way: Pick<Way, 'transport' | 'secret'>,
): ReadRequest {
  const accessServer = readAccessServer(packet, client);
  const hasName = accessServer.identifier !== undefined || accessServer.address !== undefined;
  const seen: RadiusSighting[] = hasName ? [] : ['no-nas-id'];
  const [username = Buffer.alloc(0), ...moreNames] = attributesOf(packet, ATTRIBUTE.userName);
  const [state, ...moreStates] = attributesOf(packet, ATTRIBUTE.state);
  if (moreNames.length > 0 || moreStates.length > 0 || state?.length === 0) return { drop: 'credentials', seen };
  if (state !== undefined) seen.push('state');

  const credential = readCredential(packet, client, way);
  if (credential === undefined && state === undefined) return { drop: 'credentials', seen };
  if (credential?.seen !== undefined) seen.push(credential.seen);
  if (credential !== undefined && !('given' in credential)) return { ...credential, seen };
  const name = cleanText(username, client);
  const password = credential?.text === undefined ? undefined : cleanText(credential.text, client);
  if (name === undefined || (credential?.text !== undefined && password === undefined)) {
    return { reject: 'not-utf8', seen: [...seen, 'not-utf8'] };
  }
  return {
    seen,
    request: {
      username: name,
      ...credential?.given,
      ...(password !== undefined && { password }),
      ...(state !== undefined && { state: state.toString('base64') }),
      accessServer,
      ...(client.forwards && { forward: forwarded(packet) }),
    },
  };
}

/** NUL and what is no text at all nobody can be called, and no two systems would agree on it (RAD-07). */
function cleanText(octets: Buffer, { legacyCharset }: RadiusClient): string | undefined {
  const text = readText(octets, legacyCharset);
  return text !== undefined && isCleanText(text) ? text : undefined;
}

type Read =
  | { seen: RadiusSighting; given: Credential; text?: Buffer }
  | { seen: RadiusSighting; reject: string }
  | { seen?: never; drop: 'credentials' };

/** @returns undefined when there is none. */
function readCredential(
  packet: Packet,
  client: RadiusClient,
  way: Pick<Way, 'transport' | 'secret'>,
): Read | undefined {
  const passwords = attributesOf(packet, ATTRIBUTE.userPassword);
  const chap = attributesOf(packet, ATTRIBUTE.chapPassword);
  const arap = attributesOf(packet, ATTRIBUTE.arapPassword);
  const eap = attributesOf(packet, ATTRIBUTE.eapMessage);
  const microsoft = vendorAttributesOf(packet, VENDOR.microsoft);
  const mschap = microsoft.filter(({ type }) => type === MICROSOFT.msChap2Response);
  const oldMschap = microsoft.filter(({ type }) => type === MICROSOFT.msChapResponse);
  const kinds = [passwords, chap, arap, eap, mschap, oldMschap].filter(({ length }) => length > 0);
  if (kinds.length === 0) return undefined;
  // Only EAP comes in pieces.
  if (kinds.length > 1 || arap.length > 0 || [passwords, chap, mschap, oldMschap].some(({ length }) => length > 1)) {
    return { drop: 'credentials' };
  }
  const [password] = passwords;
  if (password !== undefined) return readPassword(password, packet, way);
  if (chap.length > 0) return { seen: 'chap', reject: 'chap' };
  if (oldMschap.length > 0) return { seen: 'chap', reject: 'ms-chap-v1' };
  if (eap.length > 0) {
    const message = Buffer.concat(eap);
    return message.length === 0 ? { drop: 'credentials' } : { seen: 'eap', given: { eap: message.toString('base64') } };
  }
  const [response] = mschap;
  const [challenge, ...moreChallenges] = microsoft.filter(({ type }) => type === MICROSOFT.msChapChallenge);
  const isWhole =
    response?.value.length === RESPONSE_OCTETS &&
    challenge?.value.length === CHALLENGE_OCTETS &&
    moreChallenges.length === 0;
  if (!isWhole) return { drop: 'credentials' };
  // As it came: the response is bound to the very challenge (RAD-62).
  const given = {
    mschap: { challenge: challenge.value.toString('base64'), response: response.value.toString('base64') },
  };
  return { seen: 'mschapv2', given };
}

/** RADIUS/1.1 sends it as it is (RFC 9765 section 5.1.1), where it may be longer than others take (RAD-06). */
function readPassword(value: Buffer, packet: Packet, { transport, secret }: Pick<Way, 'transport' | 'secret'>): Read {
  const text = transport === 'tls-1.1' ? value : revealPassword(value, secret, packet.authenticator);
  if (text === undefined) return { drop: 'credentials' };
  if (text.length > MAX_PASSWORD_OCTETS) return { seen: 'pap', reject: 'password-too-long' };
  return { seen: 'pap', given: {}, text };
}

function forwarded(packet: Packet): RadiusAttribute[] {
  return packet.attributes
    .filter((attribute) => !NEVER_FORWARDED.has(attribute.type) && !holdsMschap(attribute))
    .slice(0, MOST_FORWARDED)
    .map(({ type, value }) => ({ type, value: value.toString('base64') }));
}

const MSCHAP: ReadonlySet<number> = new Set([
  MICROSOFT.msChapChallenge,
  MICROSOFT.msChapResponse,
  MICROSOFT.msChap2Response,
]);

function holdsMschap(attribute: Packet['attributes'][number]): boolean {
  return vendorAttributesOf({ attributes: [attribute] }, VENDOR.microsoft).some(({ type }) => MSCHAP.has(type));
}
