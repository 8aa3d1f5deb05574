import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { createAuthority, issueCertificate } from './authority.ts';

const now = Date.now();

test.each(['localhost', '127.0.0.1', '::1'])(
  'a server certificate is good for %s, and a client certificate is asked for',
  async (host) => {
    const authority = await createAuthority({ commonName: 'Test CA', now });
    const server = await issueCertificate(authority, { commonName: 'gateway', usage: 'server', now });
    const client = await issueCertificate(authority, { commonName: 'caller', usage: 'client', now });
    const listening = createServer({
      cert: server.certificatePem,
      key: server.keyPem,
      ca: authority.certificatePem,
      requestCert: true,
      rejectUnauthorized: true,
    });
    listening.listen(0, host === '::1' ? '::1' : '127.0.0.1');
    await once(listening, 'listening');
    const { port } = listening.address() as { port: number };
    const accepted = once(listening, 'secureConnection') as Promise<[TLSSocket]>;
    const socket = connect({
      host,
      port,
      ca: authority.certificatePem,
      cert: client.certificatePem,
      key: client.keyPem,
      ...(host === 'localhost' && {
        lookup: (_name, _options, answer) => answer(null, [{ address: '127.0.0.1', family: 4 }]),
      }),
    });
    await once(socket, 'secureConnect');
    const [peer] = await accepted;
    expect(peer.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(client.fingerprint);
    expect(peer.authorized).toBe(true);
    socket.destroy();
    listening.close();
  },
);

test('a certificate lives 825 days at most and is not signed by another authority', async () => {
  const [authority, other] = await Promise.all([
    createAuthority({ commonName: 'One', now }),
    createAuthority({ commonName: 'One', now }),
  ]);
  const issued = await issueCertificate(authority, { commonName: 'x', usage: 'server', now });
  const certificate = new X509Certificate(issued.certificatePem);
  const days = (certificate.validToDate.getTime() - certificate.validFromDate.getTime()) / 86_400_000;
  expect(days).toBeLessThanOrEqual(825);
  expect(certificate.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
  expect(certificate.verify(new X509Certificate(other.certificatePem).publicKey)).toBe(false);
  expect(certificate.ca).toBe(false);
  expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  const tooLong = issueCertificate(authority, { commonName: 'x', usage: 'server', now, days: 826 });
  await expect(tooLong).rejects.toThrow(RangeError);
});
