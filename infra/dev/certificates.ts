import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority, issueCertificate, type KeyAndCertificate } from '@countersign/testkit';

export interface CertificateFiles {
  ca: string;
  certificate: string;
  key: string;
}

/** A certificate with less left is replaced at the next start. */
const RENEW_BEFORE_MS = 30 * 86_400_000;

/** The local authority and the gateways' certificate, made at the first start and renewed in time. */
export async function ensureCertificates(dir: string, now: number): Promise<CertificateFiles> {
  mkdirSync(dir, { recursive: true });
  const authorityFiles = { certificate: join(dir, 'ca.pem'), key: join(dir, 'ca.key') };
  const gatewayFiles = { certificate: join(dir, 'sdk-gateway.pem'), key: join(dir, 'sdk-gateway.key') };
  let authority = readPair(authorityFiles, now);
  let gateway = readPair(gatewayFiles, now);
  if (authority === undefined) {
    authority = await createAuthority({ commonName: 'Countersign development', now });
    writePair(authorityFiles, authority);
    gateway = undefined;
  }
  if (gateway === undefined || !isSignedBy(gateway, authority)) {
    writePair(gatewayFiles, await issueCertificate(authority, { commonName: 'localhost', usage: 'server', now }));
  }
  return { ca: authorityFiles.certificate, ...gatewayFiles };
}

interface PairFiles {
  certificate: string;
  key: string;
}

function readPair(files: PairFiles, now: number): KeyAndCertificate | undefined {
  if (!existsSync(files.certificate) || !existsSync(files.key)) return undefined;
  const certificatePem = readFileSync(files.certificate, 'utf8');
  const isFresh = new X509Certificate(certificatePem).validToDate.getTime() - now > RENEW_BEFORE_MS;
  return isFresh ? { certificatePem, keyPem: readFileSync(files.key, 'utf8') } : undefined;
}

function writePair(files: PairFiles, pair: KeyAndCertificate): void {
  writeFileSync(files.key, pair.keyPem, { mode: 0o600 });
  writeFileSync(files.certificate, pair.certificatePem);
}

function isSignedBy(pair: KeyAndCertificate, authority: KeyAndCertificate): boolean {
  return new X509Certificate(pair.certificatePem).verify(new X509Certificate(authority.certificatePem).publicKey);
}
