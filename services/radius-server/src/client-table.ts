import type { X509Certificate } from 'node:crypto';
import type { RadiusClient } from '@countersign/contracts';
import { networkOf, readAddress, readNetwork, type Address } from './network.ts';

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
  const networks = { 4: new Map<number, Map<bigint, KnownClient>>(), 6: new Map<number, Map<bigint, KnownClient>>() };
  const fingerprints = new Map<string, KnownClient>();
  const names: { name: string; client: KnownClient }[] = [];
  for (const client of known) {
    for (const text of client.networks) addNetwork(text, client);
    for (const one of client.certificates) {
      if ('name' in one) names.push({ name: one.name, client });
      else if (!fingerprints.has(one.fingerprint)) fingerprints.set(one.fingerprint, client);
    }
  }
  const prefixes = { 4: longestFirst(networks[4]), 6: longestFirst(networks[6]) };
  const remembered = new Map<string, KnownClient | undefined>();

  function addNetwork(text: string, client: KnownClient): void {
    const network = readNetwork(text);
    if (network === undefined) return;
    const { family, bits, value } = network;
    const sameBits = networks[family].get(bits) ?? new Map<bigint, KnownClient>();
    networks[family].set(bits, sameBits);
    if (!sameBits.has(value)) sameBits.set(value, client);
  }

  function find(address: Address): KnownClient | undefined {
    for (const bits of prefixes[address.family]) {
      const client = networks[address.family].get(bits)?.get(networkOf(address, bits));
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

function longestFirst(networks: ReadonlyMap<number, unknown>): number[] {
  return [...networks.keys()].toSorted((a, b) => b - a);
}

/** Among its DNS names, letter by letter: no common name, no wildcard. */
function hasName(certificate: X509Certificate, name: string): boolean {
  return certificate.checkHost(name, { subject: 'never', wildcards: false }) !== undefined;
}
