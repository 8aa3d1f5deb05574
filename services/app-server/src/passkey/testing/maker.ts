import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { CompactSign } from 'jose';
import type { Attestation } from './authenticator.ts';

x509.cryptoProvider.set(webcrypto);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

/** An authority, as makers of keys and the FIDO Alliance have one. */
export interface TestAuthority {
  pem: string;
  /** Base64, as metadata holds it. */
  der: string;
  /** A certificate under it, or one that has ended. */
  issue(options: { name?: string; dns?: string; endsAt?: number; ca?: boolean }): Promise<Attestation>;
}

export async function testAuthority(): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const now = Date.now();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Root of a test',
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + 365 * DAY_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.BasicConstraintsExtension(true, 2, true)],
  });
  return {
    pem: root.toString('pem'),
    der: Buffer.from(root.rawData).toString('base64'),
    async issue({ name = 'CN=Key,OU=Authenticator Attestation,O=Maker,C=LV', dns, endsAt, ca = false }) {
      const own = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: '02',
        subject: name,
        issuer: root.subject,
        notBefore: new Date(now - DAY_MS),
        notAfter: new Date(endsAt ?? now + 30 * DAY_MS),
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.BasicConstraintsExtension(ca, undefined, true),
          ...(dns === undefined ? [] : [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: dns }])]),
        ],
      });
      return { chain: [Buffer.from(certificate.rawData)], privateKey: KeyObject.from(own.privateKey) };
    },
  };
}

/** One model, as the metadata has it. */
export interface TestModel {
  aaguid?: string;
  description?: string;
  keyProtection?: string[];
  /** Base64 of DER. */
  roots?: string[];
  statuses?: string[];
}

/** The file of a metadata service. */
export async function metadataFile(
  { chain, privateKey }: Attestation,
  {
    number = 1,
    nextUpdate = '2099-01-01',
    models,
  }: { number?: number; nextUpdate?: string; models: readonly TestModel[] },
): Promise<string> {
  const entries = models.map(({ aaguid, description, keyProtection = ['hardware'], roots = [], statuses = [] }) => ({
    aaguid,
    metadataStatement: { description, keyProtection, attestationRootCertificates: roots },
    statusReports: statuses.map((status) => ({ status })),
  }));
  return new CompactSign(Buffer.from(JSON.stringify({ no: number, nextUpdate, entries })))
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', x5c: chain.map((der) => der.toString('base64')) })
    .sign(privateKey);
}
