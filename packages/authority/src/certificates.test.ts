import 'reflect-metadata';
import { createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  certifyRequest,
  createAuthority,
  requestCertificate,
  RequestRefused,
  type KeyAndCertificate,
} from './certificates.ts';

const now = 1_800_000_000_000;
const agreed = { commonName: 'edge-1', names: ['edge.example.com', '10.0.0.7'], usage: 'both', now, days: 90 } as const;
let authority: KeyAndCertificate;
beforeAll(async () => {
  authority = await createAuthority({ commonName: 'test', now });
});

test('a certificate has the agreed names, both uses, and the key of the request', async () => {
  const { requestPem, keyPem } = await requestCertificate({ commonName: 'edge-1', names: agreed.names });
  const { certificatePem, expiresAt } = await certifyRequest(authority, requestPem, agreed);
  const certificate = new X509Certificate(certificatePem);
  expect(certificate.subject).toBe('CN=edge-1');
  expect(certificate.subjectAltName).toBe('DNS:edge.example.com, IP Address:10.0.0.7');
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  expect(certificate.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
  expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
  expect(certificate.ca).toBe(false);
  expect(expiresAt).toBe(certificate.validToDate.getTime());
});

async function requestWith(
  algorithm: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams,
  name: x509.JsonName = [{ CN: ['edge-1'] }],
  extensions: x509.Extension[] = [],
): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: { ...algorithm, hash: 'SHA-256' },
    extensions,
  });
  return request.toString('pem');
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256' };

describe('a request is refused for', () => {
  test.each([
    [
      'a weak key',
      () =>
        requestWith({
          name: 'RSASSA-PKCS1-v1_5',
          hash: 'SHA-256',
          modulusLength: 1024,
          publicExponent: new Uint8Array([1, 0, 1]),
        }),
    ],
    ['another curve', () => requestWith({ name: 'ECDSA', namedCurve: 'P-384' })],
    ['a foreign name', () => requestWith(P256, [{ CN: ['app-server-1'] }])],
    ['a second name', () => requestWith(P256, [{ CN: ['edge-1'] }, { CN: ['app-server-1'] }])],
    [
      'a foreign address',
      async () => (await requestCertificate({ commonName: 'edge-1', names: ['nats-1'] })).requestPem,
    ],
    [
      'an address of another kind',
      () =>
        requestWith(P256, undefined, [
          new x509.SubjectAlternativeNameExtension([{ type: 'url', value: 'https://edge.example.com' }]),
        ]),
    ],
    ['authority over others', () => requestWith(P256, undefined, [new x509.BasicConstraintsExtension(true, 1, true)])],
    [
      'what is no request',
      () => Promise.resolve('-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'),
    ],
  ])('%s', async (_, make) => {
    await expect(certifyRequest(authority, await make(), agreed)).rejects.toThrow(RequestRefused);
  });

  test('a signature that is not its own key’s', async () => {
    const { requestPem } = await requestCertificate({ commonName: 'edge-1', names: [] });
    const der = Buffer.from(requestPem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
    der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    await expect(certifyRequest(authority, forged, agreed)).rejects.toThrow('not signed by its own key');
  });
});
