import 'reflect-metadata';
import { createHash, createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { X509CertificateGenerator, type X509Certificate } from '@peculiar/x509';
import * as x509 from '@peculiar/x509';

export interface KeyAndCertificate {
  certificatePem: string;
  /** PKCS #8. */
  keyPem: string;
}

/** `both` for servers that speak to their like. */
export type CertificateUsage = 'server' | 'client' | 'both';

export interface CertificateOptions {
  commonName: string;
  /** What the holder may use it for. */
  usage: CertificateUsage;
  /** Now, in milliseconds since 1970. */
  now: number;
  /** DNS names and IP addresses; this machine unless given. */
  names?: readonly string[];
  /** At most 825, which is the longest that browsers take from a private authority, and the default. */
  days?: number;
}

export interface IssuedCertificate extends KeyAndCertificate {
  /** SHA-256 of the DER form, lowercase hex. */
  fingerprint: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const USAGES = {
  server: [x509.ExtendedKeyUsage.serverAuth],
  client: [x509.ExtendedKeyUsage.clientAuth],
  both: [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
} as const;
const DAY_MS = 86_400_000;
const LONGEST_DAYS = 825;
const THIS_MACHINE = ['localhost', '127.0.0.1', '::1'];
/** A clock that is a little behind must not refuse a certificate that was made this minute. */
const BACKDATED_MS = 5 * 60_000;

x509.cryptoProvider.set(webcrypto);

/** A certificate authority of its own, P-256, valid for ten years. Its key signs nothing but certificates. */
export async function createAuthority(options: { commonName: string; now: number }): Promise<KeyAndCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [options.commonName] }],
    notBefore: new Date(options.now - BACKDATED_MS),
    notAfter: new Date(options.now + 3650 * DAY_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: pem(certificate), keyPem: await exportKey(keys.privateKey) };
}

/** @throws RangeError when more days are asked for than anybody accepts. */
export async function issueCertificate(
  authority: KeyAndCertificate,
  options: CertificateOptions,
): Promise<IssuedCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await sign(authority, { ...options, publicKey: keys.publicKey });
  return {
    certificatePem: pem(certificate),
    keyPem: await exportKey(keys.privateKey),
    fingerprint: fingerprintOf(certificate.rawData),
  };
}

interface SigningOptions extends CertificateOptions {
  publicKey: x509.PublicKeyType;
}

async function sign(authority: KeyAndCertificate, options: SigningOptions): Promise<X509Certificate> {
  const { names = THIS_MACHINE, days = LONGEST_DAYS } = options;
  if (days > LONGEST_DAYS) throw new RangeError(`a certificate lives ${LONGEST_DAYS} days at most`);
  const issuer = new x509.X509Certificate(authority.certificatePem);
  return X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [options.commonName] }],
    issuer: issuer.subjectName,
    notBefore: new Date(options.now - BACKDATED_MS),
    notAfter: new Date(options.now - BACKDATED_MS + days * DAY_MS),
    signingKey: await importKey(authority.keyPem),
    publicKey: options.publicKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([...USAGES[options.usage]]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: /^[0-9.]+$|:/.test(value) ? 'ip' : 'dns', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(options.publicKey),
    ],
  });
}

/** A replica's certificate is good for the replica's own name as well, by which those know it who balance over addresses. */
export function namesOf(replica: string, hosts: readonly string[]): string[] {
  return [...new Set([...hosts, replica])];
}

export interface CertificateRequest {
  /** PKCS #10, PEM: what travels. */
  requestPem: string;
  /** PKCS #8: what stays on the machine. */
  keyPem: string;
}

/** A key pair of this machine's own, and the request to have it certified. @see RFC 2986 */
export async function requestCertificate(options: {
  commonName: string;
  names: readonly string[];
}): Promise<CertificateRequest> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [options.commonName] }],
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        options.names.map((value) => ({ type: /^[0-9.]+$|:/.test(value) ? 'ip' : 'dns', value })),
      ),
    ],
  });
  return { requestPem: `${request.toString('pem')}\n`, keyPem: await exportKey(keys.privateKey) };
}

/** A request that asks for something else than was agreed on, or proves nothing. The message may be told to whoever sent it. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
}

/**
 * Certifies the key of a request. Only the key is taken from it: the names are those that were agreed on, and a request that
 * asks for others is refused rather than corrected, since whoever sent it wants to be somebody else.
 * @throws RequestRefused
 */
export async function certifyRequest(
  authority: KeyAndCertificate,
  requestPem: string,
  agreed: {
    commonName: string;
    names: readonly string[];
    usage: CertificateUsage;
    now: number;
    days: number;
  },
): Promise<{ certificatePem: string; fingerprint: string; expiresAt: number }> {
  const request = readRequest(requestPem);
  const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  if (key.asymmetricKeyType !== 'ec' || curve !== 'prime256v1') {
    throw new RequestRefused('must hold a key on the curve P-256');
  }
  if (!(await request.verify())) throw new RequestRefused('is not signed by its own key');
  const commonNames = request.subjectName.getField('CN');
  if (commonNames.length !== 1 || commonNames[0] !== agreed.commonName || request.subjectName.toJSON().length !== 1) {
    throw new RequestRefused('must be for the name that was invited, and no other');
  }
  const asked = request.extensions.flatMap((extension) =>
    extension instanceof x509.SubjectAlternativeNameExtension ? extension.names.toJSON() : [],
  );
  if (
    asked.some(({ type, value }) => !['dns', 'ip'].includes(type) || !agreed.names.includes(value)) ||
    request.extensions.some((extension) => !(extension instanceof x509.SubjectAlternativeNameExtension))
  ) {
    throw new RequestRefused('must be for the addresses that were invited, and no others');
  }
  const publicKey = await request.publicKey.export();
  const certificate = await sign(authority, { ...agreed, publicKey });
  return {
    certificatePem: pem(certificate),
    fingerprint: fingerprintOf(certificate.rawData),
    expiresAt: certificate.notAfter.getTime(),
  };
}

function readRequest(requestPem: string): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(requestPem);
  } catch {
    throw new RequestRefused('is not a certificate request (PKCS #10, PEM)');
  }
}

/** SHA-256 of the DER form, lowercase hex: what a token pins. @throws when it is not a certificate. */
export function fingerprintOfPem(certificatePem: string): string {
  return fingerprintOf(new x509.X509Certificate(certificatePem).rawData);
}

function fingerprintOf(der: ArrayBuffer): string {
  return createHash('sha256').update(new Uint8Array(der)).digest('hex');
}

/** RFC 5280 section 4.1.2.2: positive, at most 20 octets; 64 random bits or more (CA/Browser Forum 7.1). */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' });
}

function importKey(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(keyPem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
