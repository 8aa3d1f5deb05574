import 'reflect-metadata';
import { createHash, createPrivateKey, webcrypto } from 'node:crypto';
import { X509CertificateGenerator, type X509Certificate } from '@peculiar/x509';
import * as x509 from '@peculiar/x509';

export interface KeyAndCertificate {
  certificatePem: string;
  /** PKCS #8. */
  keyPem: string;
}

export interface CertificateOptions {
  commonName: string;
  /** What the holder may use it for; `both` for servers that speak to their like. */
  usage: 'server' | 'client' | 'both';
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
  const { names = THIS_MACHINE, days = LONGEST_DAYS } = options;
  if (days > LONGEST_DAYS) throw new RangeError(`a certificate lives ${LONGEST_DAYS} days at most`);
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [options.commonName] }],
    issuer: issuer.subjectName,
    notBefore: new Date(options.now - BACKDATED_MS),
    notAfter: new Date(options.now - BACKDATED_MS + days * DAY_MS),
    signingKey: await importKey(authority.keyPem),
    publicKey: keys.publicKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([...USAGES[options.usage]]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: /^[0-9.]+$|:/.test(value) ? 'ip' : 'dns', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificatePem: pem(certificate),
    keyPem: await exportKey(keys.privateKey),
    fingerprint: createHash('sha256').update(new Uint8Array(certificate.rawData)).digest('hex'),
  };
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
