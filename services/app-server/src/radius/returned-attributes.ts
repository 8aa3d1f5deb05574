import type { RadiusAttribute, RadiusClientSettings } from '@countersign/contracts';
import { ATTRIBUTE, attributeFrom, MICROSOFT, nameOf, VENDOR } from '@countersign/radius';
import { contractAttributes, packetAttribute } from './attribute.ts';

interface Returned {
  settings: Pick<RadiusClientSettings, 'attributes' | 'groups' | 'upstreamAttributes'>;
  /** Which of the groups in `settings` the person is in, as they are written there. */
  groups: readonly string[];
  /** Of the upstream's Access-Accept, keys in the clear; none without an upstream. */
  upstream: readonly RadiusAttribute[];
}

/** RFC 2865 section 5.44: an Access-Accept has at most one of them. */
const AT_MOST_ONE = new Set<number>([
  ATTRIBUTE.userName,
  ATTRIBUTE.serviceType,
  ATTRIBUTE.framedProtocol,
  ATTRIBUTE.framedIpAddress,
  ATTRIBUTE.framedIpNetmask,
  ATTRIBUTE.framedRouting,
  ATTRIBUTE.framedMtu,
  ATTRIBUTE.loginService,
  ATTRIBUTE.loginTcpPort,
  ATTRIBUTE.callbackNumber,
  ATTRIBUTE.callbackId,
  ATTRIBUTE.sessionTimeout,
  ATTRIBUTE.idleTimeout,
  ATTRIBUTE.terminationAction,
  ATTRIBUTE.portLimit,
  ATTRIBUTE.framedPool,
]);

/** Without them an MS-CHAPv2 or EAP login is none to the client (RFC 2548, RFC 3579): they are handed on whatever is listed (RAD-61). */
const OF_MICROSOFT = new Set<number>([
  MICROSOFT.msChap2Success,
  MICROSOFT.mppeSendKey,
  MICROSOFT.mppeRecvKey,
  MICROSOFT.mppePolicy,
  MICROSOFT.mppeTypes,
]);

/**
 * What an Access-Accept carries: what the person's groups say, in the order of the settings, then what every one is given, then what of the
 * upstream's answer is handed on. Of an attribute that may be there once, the first of these counts; others add up.
 * @throws RangeError for a name or value that the dictionary does not take; it was refused when it was set.
 */
export function returnedAttributes({ settings, groups, upstream }: Returned): RadiusAttribute[] {
  const ofGroups = settings.groups
    .filter(({ group }) => groups.includes(group))
    .flatMap(({ attributes }) => attributes);
  const set = [...ofGroups, ...settings.attributes].flatMap(({ name, value }) =>
    contractAttributes(attributeFrom(name, value)),
  );
  const allowed = new Set(settings.upstreamAttributes.map((name) => name.toLowerCase()));
  // Who it was inside the tunnel: the client knows what they called themselves outside, and goes by this one (RFC 2865 section 5.1).
  const isOfTunnel = upstream.some(isEapMessage) ? isUserName : () => false;
  const handedOn = upstream.filter(
    (attribute) => isOfLogin(attribute) || isOfTunnel(attribute) || isNamed(attribute, allowed),
  );
  const seen = new Set<string>();
  return [...set, ...handedOn].filter((attribute) => {
    const { vendor, type, value } = attribute;
    // A message of EAP is all its pieces, and two of them may be the same.
    if (isEapMessage(attribute)) return true;
    const isOnce = vendor === undefined && AT_MOST_ONE.has(type);
    const key = JSON.stringify([vendor, type, ...(isOnce ? [] : [value])]);
    return seen.size < seen.add(key).size;
  });
}

/** What of the upstream's Access-Challenge, or of its Access-Reject, goes on to the client: the conversation of EAP, and the time for it. */
export function conversationOf(
  upstream: readonly RadiusAttribute[],
  outcome: 'challenge' | 'reject',
): RadiusAttribute[] {
  // RFC 2865 section 5.44 and RFC 3579 section 3.1 (RAD-20).
  const types: readonly number[] =
    outcome === 'challenge'
      ? [ATTRIBUTE.eapMessage, ATTRIBUTE.sessionTimeout, ATTRIBUTE.idleTimeout]
      : [ATTRIBUTE.eapMessage];
  return upstream.filter(({ vendor, type }) => vendor === undefined && types.includes(type));
}

function isOfLogin(attribute: RadiusAttribute): boolean {
  const { vendor, type } = attribute;
  return isEapMessage(attribute) || (vendor === VENDOR.microsoft && OF_MICROSOFT.has(type));
}

function isEapMessage({ vendor, type }: RadiusAttribute): boolean {
  return vendor === undefined && type === ATTRIBUTE.eapMessage;
}

function isUserName({ vendor, type }: RadiusAttribute): boolean {
  return vendor === undefined && type === ATTRIBUTE.userName;
}

function isNamed(attribute: RadiusAttribute, allowed: ReadonlySet<string>): boolean {
  if (attribute.hidden !== undefined) return false;
  const name = nameOf(packetAttribute(attribute));
  return name !== undefined && allowed.has(name.toLowerCase());
}
