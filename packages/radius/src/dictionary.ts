import { ipv4Octets, ipv6Octets } from './address.ts';
import { ATTRIBUTE, MICROSOFT, VENDOR } from './attributes.ts';
import { MAX_VALUE_OCTETS, type Attribute } from './packet.ts';
import { MAX_VENDOR_VALUE_OCTETS, vendorAttribute, vendorAttributesOf } from './vendor.ts';

type Kind = 'text' | 'integer' | 'ipaddr' | 'ipv6addr' | 'octets';

interface DictionaryRow {
  /** As the vendor's manual or the RFC spells it. */
  readonly name: string;
  /** Of the attribute, or with `vendor` of what stands in its Vendor-Specific. */
  readonly type: number;
  readonly vendor?: number;
  readonly kind: Kind;
  /** Names of integers, in the words of the RFC. */
  readonly values?: Readonly<Record<string, number>>;
  /** The first octet says which tunnel is meant: RFC 2868. */
  readonly isTagged?: true;
}

/**
 * What an administrator may have added to a reply, and how it is written. Not in it, on purpose: what proves or carries the conversation
 * (State, Proxy-State, EAP-Message, Message-Authenticator), passwords and keys, and what is not written as one of these kinds.
 */
export const DICTIONARY: readonly DictionaryRow[] = [
  {
    name: 'Service-Type',
    type: ATTRIBUTE.serviceType,
    kind: 'integer',
    values: {
      Login: 1,
      Framed: 2,
      'Callback-Login': 3,
      'Callback-Framed': 4,
      Outbound: 5,
      Administrative: 6,
      'NAS-Prompt': 7,
      'Authenticate-Only': 8,
      'Callback-NAS-Prompt': 9,
      'Call-Check': 10,
      'Callback-Administrative': 11,
    },
  },
  {
    name: 'Framed-Protocol',
    type: ATTRIBUTE.framedProtocol,
    kind: 'integer',
    values: { PPP: 1, SLIP: 2, ARAP: 3, 'Gandalf-SLML': 4, 'Xylogics-IPX-SLIP': 5, 'X.75-Synchronous': 6 },
  },
  { name: 'Framed-IP-Address', type: ATTRIBUTE.framedIpAddress, kind: 'ipaddr' },
  { name: 'Framed-IP-Netmask', type: ATTRIBUTE.framedIpNetmask, kind: 'ipaddr' },
  {
    name: 'Framed-Routing',
    type: ATTRIBUTE.framedRouting,
    kind: 'integer',
    values: { None: 0, Broadcast: 1, Listen: 2, 'Broadcast-Listen': 3 },
  },
  { name: 'Filter-Id', type: ATTRIBUTE.filterId, kind: 'text' },
  { name: 'Framed-MTU', type: ATTRIBUTE.framedMtu, kind: 'integer' },
  {
    name: 'Framed-Compression',
    type: ATTRIBUTE.framedCompression,
    kind: 'integer',
    values: { None: 0, 'Van-Jacobson-TCP-IP': 1, 'IPX-Header-Compression': 2, 'Stac-LZS': 3 },
  },
  { name: 'Login-IP-Host', type: ATTRIBUTE.loginIpHost, kind: 'ipaddr' },
  {
    name: 'Login-Service',
    type: ATTRIBUTE.loginService,
    kind: 'integer',
    values: {
      Telnet: 0,
      Rlogin: 1,
      'TCP-Clear': 2,
      PortMaster: 3,
      LAT: 4,
      'X25-PAD': 5,
      'X25-T3POS': 6,
      'TCP-Clear-Quiet': 8,
    },
  },
  { name: 'Login-TCP-Port', type: ATTRIBUTE.loginTcpPort, kind: 'integer' },
  { name: 'Reply-Message', type: ATTRIBUTE.replyMessage, kind: 'text' },
  { name: 'Callback-Number', type: ATTRIBUTE.callbackNumber, kind: 'text' },
  { name: 'Callback-Id', type: ATTRIBUTE.callbackId, kind: 'text' },
  { name: 'Framed-Route', type: ATTRIBUTE.framedRoute, kind: 'text' },
  { name: 'Class', type: ATTRIBUTE.class, kind: 'octets' },
  { name: 'Session-Timeout', type: ATTRIBUTE.sessionTimeout, kind: 'integer' },
  { name: 'Idle-Timeout', type: ATTRIBUTE.idleTimeout, kind: 'integer' },
  {
    name: 'Termination-Action',
    type: ATTRIBUTE.terminationAction,
    kind: 'integer',
    values: { Default: 0, 'RADIUS-Request': 1 },
  },
  { name: 'Login-LAT-Service', type: ATTRIBUTE.loginLatService, kind: 'text' },
  { name: 'Login-LAT-Node', type: ATTRIBUTE.loginLatNode, kind: 'text' },
  { name: 'Login-LAT-Port', type: ATTRIBUTE.loginLatPort, kind: 'text' },
  { name: 'Egress-VLANID', type: ATTRIBUTE.egressVlanId, kind: 'integer' },
  { name: 'Egress-VLAN-Name', type: ATTRIBUTE.egressVlanName, kind: 'text' },
  {
    name: 'Ingress-Filters',
    type: ATTRIBUTE.ingressFilters,
    kind: 'integer',
    values: { Enabled: 1, Disabled: 2 },
  },
  { name: 'Port-Limit', type: ATTRIBUTE.portLimit, kind: 'integer' },
  {
    name: 'Tunnel-Type',
    type: ATTRIBUTE.tunnelType,
    kind: 'integer',
    isTagged: true,
    values: { PPTP: 1, L2TP: 3, ESP: 9, GRE: 10, VLAN: 13 },
  },
  {
    name: 'Tunnel-Medium-Type',
    type: ATTRIBUTE.tunnelMediumType,
    kind: 'integer',
    isTagged: true,
    values: { IPv4: 1, IPv6: 2, 'IEEE-802': 6 },
  },
  { name: 'Tunnel-Client-Endpoint', type: ATTRIBUTE.tunnelClientEndpoint, kind: 'text', isTagged: true },
  { name: 'Tunnel-Server-Endpoint', type: ATTRIBUTE.tunnelServerEndpoint, kind: 'text', isTagged: true },
  { name: 'Tunnel-Private-Group-Id', type: ATTRIBUTE.tunnelPrivateGroupId, kind: 'text', isTagged: true },
  { name: 'Tunnel-Assignment-Id', type: ATTRIBUTE.tunnelAssignmentId, kind: 'text', isTagged: true },
  { name: 'Tunnel-Preference', type: ATTRIBUTE.tunnelPreference, kind: 'integer', isTagged: true },
  { name: 'Acct-Interim-Interval', type: ATTRIBUTE.acctInterimInterval, kind: 'integer' },
  { name: 'Framed-Pool', type: ATTRIBUTE.framedPool, kind: 'text' },
  { name: 'NAS-Filter-Rule', type: ATTRIBUTE.nasFilterRule, kind: 'text' },
  { name: 'Login-IPv6-Host', type: ATTRIBUTE.loginIpv6Host, kind: 'ipv6addr' },
  { name: 'Framed-IPv6-Route', type: ATTRIBUTE.framedIpv6Route, kind: 'text' },
  { name: 'Framed-IPv6-Pool', type: ATTRIBUTE.framedIpv6Pool, kind: 'text' },
  { name: 'Framed-IPv6-Address', type: ATTRIBUTE.framedIpv6Address, kind: 'ipv6addr' },
  { name: 'DNS-Server-IPv6-Address', type: ATTRIBUTE.dnsServerIpv6Address, kind: 'ipv6addr' },

  { name: 'MS-MPPE-Encryption-Policy', vendor: VENDOR.microsoft, type: MICROSOFT.mppePolicy, kind: 'integer' },
  { name: 'MS-MPPE-Encryption-Types', vendor: VENDOR.microsoft, type: MICROSOFT.mppeTypes, kind: 'integer' },
  { name: 'MS-Primary-DNS-Server', vendor: VENDOR.microsoft, type: MICROSOFT.primaryDnsServer, kind: 'ipaddr' },
  { name: 'MS-Secondary-DNS-Server', vendor: VENDOR.microsoft, type: MICROSOFT.secondaryDnsServer, kind: 'ipaddr' },

  { name: 'Cisco-AVPair', vendor: VENDOR.cisco, type: 1, kind: 'text' },
  { name: 'ASA-Group-Policy', vendor: VENDOR.ciscoAsa, type: 25, kind: 'text' },
  { name: 'ASA-Primary-DNS', vendor: VENDOR.ciscoAsa, type: 5, kind: 'ipaddr' },
  { name: 'ASA-Secondary-DNS', vendor: VENDOR.ciscoAsa, type: 6, kind: 'ipaddr' },
  { name: 'ASA-Tunneling-Protocols', vendor: VENDOR.ciscoAsa, type: 11, kind: 'integer' },
  { name: 'Fortinet-Group-Name', vendor: VENDOR.fortinet, type: 1, kind: 'text' },
  { name: 'Fortinet-Vdom-Name', vendor: VENDOR.fortinet, type: 3, kind: 'text' },
  { name: 'Fortinet-Access-Profile', vendor: VENDOR.fortinet, type: 6, kind: 'text' },
  { name: 'PaloAlto-Admin-Role', vendor: VENDOR.paloAlto, type: 1, kind: 'text' },
  { name: 'PaloAlto-Admin-Access-Domain', vendor: VENDOR.paloAlto, type: 2, kind: 'text' },
  { name: 'PaloAlto-Panorama-Admin-Role', vendor: VENDOR.paloAlto, type: 3, kind: 'text' },
  { name: 'PaloAlto-Panorama-Admin-Access-Domain', vendor: VENDOR.paloAlto, type: 4, kind: 'text' },
  { name: 'PaloAlto-User-Group', vendor: VENDOR.paloAlto, type: 5, kind: 'text' },
  { name: 'PaloAlto-User-Domain', vendor: VENDOR.paloAlto, type: 6, kind: 'text' },
  { name: 'Citrix-User-Groups', vendor: VENDOR.citrix, type: 16, kind: 'text' },
  { name: 'Aruba-User-Role', vendor: VENDOR.aruba, type: 1, kind: 'text' },
  { name: 'Aruba-User-Vlan', vendor: VENDOR.aruba, type: 2, kind: 'integer' },
  { name: 'Aruba-Priv-Admin-User', vendor: VENDOR.aruba, type: 3, kind: 'integer' },
  { name: 'Aruba-Admin-Role', vendor: VENDOR.aruba, type: 4, kind: 'text' },
  { name: 'Juniper-Local-User-Name', vendor: VENDOR.juniper, type: 1, kind: 'text' },
  { name: 'Juniper-Allow-Commands', vendor: VENDOR.juniper, type: 2, kind: 'text' },
  { name: 'Juniper-Deny-Commands', vendor: VENDOR.juniper, type: 3, kind: 'text' },
  { name: 'Juniper-User-Permissions', vendor: VENDOR.juniper, type: 10, kind: 'text' },
  { name: 'F5-LTM-User-Role', vendor: VENDOR.f5, type: 1, kind: 'integer' },
  { name: 'F5-LTM-User-Role-Universal', vendor: VENDOR.f5, type: 2, kind: 'integer' },
  { name: 'F5-LTM-User-Partition', vendor: VENDOR.f5, type: 3, kind: 'text' },
  { name: 'F5-LTM-User-Console', vendor: VENDOR.f5, type: 4, kind: 'integer' },
  { name: 'F5-LTM-User-Shell', vendor: VENDOR.f5, type: 5, kind: 'text' },
  { name: 'F5-LTM-User-Info-1', vendor: VENDOR.f5, type: 12, kind: 'text' },
  { name: 'CheckPoint-Gaia-User-Role', vendor: VENDOR.checkPoint, type: 229, kind: 'text' },
  { name: 'CheckPoint-Gaia-SuperUser-Access', vendor: VENDOR.checkPoint, type: 230, kind: 'integer' },
  { name: 'SonicWall-User-Privilege', vendor: VENDOR.sonicWall, type: 1, kind: 'integer' },
  { name: 'SonicWall-User-Group', vendor: VENDOR.sonicWall, type: 3, kind: 'text' },
  { name: 'Mikrotik-Group', vendor: VENDOR.mikrotik, type: 3, kind: 'text' },
  { name: 'Mikrotik-Rate-Limit', vendor: VENDOR.mikrotik, type: 8, kind: 'text' },
  { name: 'HP-Privilege-Level', vendor: VENDOR.hp, type: 1, kind: 'integer' },
  { name: 'HP-User-Role', vendor: VENDOR.hp, type: 25, kind: 'text' },
  { name: 'Huawei-Exec-Privilege', vendor: VENDOR.huawei, type: 29, kind: 'integer' },
];

const ROWS_BY_NAME = new Map(DICTIONARY.map((row) => [row.name.toLowerCase(), row]));
const ROWS_BY_NUMBER = new Map(DICTIONARY.map((row) => [numberOf(row.type, row.vendor), row]));
/** RFC 2868 section 3.1: a tag is 1 to 31. */
const MAX_TAG = 31;

/**
 * The attribute that an administrator named.
 * @param name of DICTIONARY, in any case. Those of a tunnel may end with its tag: `Tunnel-Type:1`.
 * @param value as its kind is written: a text; an integer in decimals, or its name in the RFC; an address; octets as `0x` and hexadecimal
 * digits, or as a text.
 * @throws RangeError whose sentence is for the administrator and repeats nothing but the name
 */
export function attributeFrom(name: string, value: string): Attribute {
  const [, base = '', tagText] = /^([^:]*)(?::(\d{1,2}))?$/.exec(name) ?? [];
  const row = ROWS_BY_NAME.get(base.toLowerCase());
  if (row === undefined) throw new RangeError(`There is no attribute with this name: ${name.slice(0, 64)}.`);
  const tag = tagText === undefined ? undefined : Number(tagText);
  if (tag !== undefined && (row.isTagged !== true || tag < 1 || tag > MAX_TAG)) {
    throw new RangeError(`${row.name} takes no such tag: only attributes of a tunnel have one, from 1 to ${MAX_TAG}.`);
  }
  const octets = taggedOctets(row, WRITERS[row.kind](value, row), tag);
  const most = row.vendor === undefined ? MAX_VALUE_OCTETS : MAX_VENDOR_VALUE_OCTETS;
  if (octets.length > most) throw new RangeError(`${row.name} takes at most ${most} octets.`);
  return row.vendor === undefined
    ? { type: row.type, value: octets }
    : vendorAttribute({ vendor: row.vendor, type: row.type, value: octets });
}

/** Its name in DICTIONARY, for people to read; undefined when it has none. Of a Vendor-Specific the first attribute in it. */
export function nameOf(attribute: Attribute): string | undefined {
  if (attribute.type !== ATTRIBUTE.vendorSpecific) return ROWS_BY_NUMBER.get(numberOf(attribute.type))?.name;
  if (attribute.value.length < 4) return undefined;
  const vendor = attribute.value.readUInt32BE(0);
  const [first] = vendorAttributesOf({ attributes: [attribute] }, vendor);
  return first === undefined ? undefined : ROWS_BY_NUMBER.get(numberOf(first.type, vendor))?.name;
}

const WRITERS: Record<Kind, (value: string, row: DictionaryRow) => Buffer> = {
  text: (value, row) => {
    if (value === '') throw new RangeError(`${row.name} takes a text that is not empty.`);
    const octets = Buffer.from(value, 'utf8');
    // It would be read as a tag: RFC 2868 section 3.3.
    if (row.isTagged === true && octets.readUInt8(0) <= MAX_TAG) {
      throw new RangeError(`${row.name} takes a text that does not start with a control character.`);
    }
    return octets;
  },
  integer: integerOctets,
  ipaddr: (value, row) => {
    const octets = ipv4Octets(value);
    if (octets === undefined) throw new RangeError(`${row.name} takes an IPv4 address, such as 192.0.2.1.`);
    return octets;
  },
  ipv6addr: (value, row) => {
    const octets = ipv6Octets(value);
    if (octets === undefined) throw new RangeError(`${row.name} takes an IPv6 address, such as 2001:db8::1.`);
    return octets;
  },
  octets: (value, row) => {
    if (value === '') throw new RangeError(`${row.name} takes a value that is not empty.`);
    if (!/^0x/i.test(value)) return Buffer.from(value, 'utf8');
    if (!/^0x([0-9a-f]{2})+$/i.test(value)) {
      throw new RangeError(`${row.name} takes a text, or 0x and an even number of hexadecimal digits.`);
    }
    return Buffer.from(value.slice(2), 'hex');
  },
};

function integerOctets(value: string, row: DictionaryRow): Buffer {
  // The tag takes the place of the highest octet: RFC 2868 section 3.1.
  const most = row.isTagged === true ? 2 ** 24 - 1 : 2 ** 32 - 1;
  const number = /^\d{1,10}$/.test(value) ? Number(value) : namedInteger(value, row);
  if (number === undefined || number > most) {
    const names = row.values === undefined ? '' : `, or one of ${Object.keys(row.values).join(', ')}`;
    throw new RangeError(`${row.name} takes a whole number from 0 to ${most}${names}.`);
  }
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(number);
  return octets;
}

function namedInteger(value: string, { values = {} }: DictionaryRow): number | undefined {
  return Object.entries(values).find(([name]) => name.toLowerCase() === value.toLowerCase())?.[1];
}

/** In an integer the tag is the highest octet, zero for none; before a text it stands only if there is one. */
function taggedOctets({ kind }: DictionaryRow, octets: Buffer, tag: number | undefined): Buffer {
  if (tag === undefined) return octets;
  return Buffer.concat([Buffer.of(tag), kind === 'integer' ? octets.subarray(1) : octets]);
}

function numberOf(type: number, vendor = 0): string {
  return `${vendor}/${type}`;
}
