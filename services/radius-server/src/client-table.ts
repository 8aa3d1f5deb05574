import type { X509Certificate } from 'node:crypto';
import type { RadiusClient } from '@countersign/contracts';
import { firstBits, readAddress, readNetwork } from '@countersign/radius';

export interface KnownClient extends RadiusClient {
  secretOctets: Buffer;
}

/** Whose certificate a connection of TLS showed. */
export interface Identity {
  certificate: X509Certificate;
  /** SHA-256 of its DER form, hex. */
  fingerprint: string;
  /** One of our authorities vouches for the names in it. */
  isVouchedFor: boolean;
}

/** Who may ask, as of one moment. */
export interface ClientTable {
  /** Of two clients the one with the narrower network (RAD-03). */
  byAddress(address: string): KnownClient | undefined;
  /** By its very certificate, or else by a DNS name in it (RFC 6614 section 2.3). Never by its address. */
  byCertificate(identity: Identity): KnownClient | undefined;
  readonly size: number;
}

/** Addresses that were looked up lately. Whoever makes up more of them makes us look again, and no more. */
const MOST_REMEMBERED = 10_000;

/** Where two clients have the same network or certificate, which app-server does not let happen, the first counts. */
export function clientTable(clients: readonly RadiusClient[]): ClientTable {
  const known = clients.map((client) => ({ ...client, secretOctets: Buffer.from(client.secret) }));
  const networks = new Map<string, KnownClient>();
  const fingerprints = new Map<string, KnownClient>();
  /** Of the networks of IPv4 and of IPv6, by the octets of an address. */
  const prefixes = new Map<number, Set<number>>();
  const names: { name: string; client: KnownClient }[] = [];
  for (const client of known) {
    for (const text of client.networks) addNetwork(text, client);
    for (const one of client.certificates) {
      if ('name' in one) names.push({ name: one.name, client });
      else if (!fingerprints.has(one.fingerprint)) fingerprints.set(one.fingerprint, client);
    }
  }
  const longestFirst = new Map([...prefixes].map(([octets, some]) => [octets, [...some].toSorted((a, b) => b - a)]));
  const remembered = new Map<string, KnownClient | undefined>();

  function addNetwork(text: string, client: KnownClient): void {
    const network = networkOf(text);
    if (network === undefined) return;
    const { octets, prefix } = network;
    const key = keyOf(octets, prefix);
    if (!networks.has(key)) networks.set(key, client);
    prefixes.set(octets.length, (prefixes.get(octets.length) ?? new Set()).add(prefix));
  }

  function find(address: Buffer): KnownClient | undefined {
    for (const prefix of longestFirst.get(address.length) ?? []) {
      const client = networks.get(keyOf(firstBits(address, prefix), prefix));
      if (client !== undefined) return client;
    }
    return undefined;
  }

  return {
    size: known.length,
    byAddress: (text) => {
      if (remembered.has(text)) return remembered.get(text);
      const address = readAddress(text);
      const client = address === undefined ? undefined : find(address);
      if (remembered.size >= MOST_REMEMBERED) remembered.clear();
      remembered.set(text, client);
      return client;
    },
    byCertificate: ({ certificate, fingerprint, isVouchedFor }) => {
      const own = fingerprints.get(fingerprint);
      if (own !== undefined || !isVouchedFor) return own;
      return names.find(({ name }) => hasName(certificate, name))?.client;
    },
  };
}

function keyOf(octets: Buffer, prefix: number): string {
  return `${octets.toString('hex')}/${prefix}`;
}

/** @returns undefined for what app-server would not have taken: it holds up no other client. */
function networkOf(text: string): ReturnType<typeof readNetwork> | undefined {
  try {
    return readNetwork(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Among its DNS names, letter by letter: no common name, no wildcard. */
function hasName(certificate: X509Certificate, name: string): boolean {
  return certificate.checkHost(name, { subject: 'never', wildcards: false }) !== undefined;
}
