import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { createAuthority, issueCertificate } from '@countersign/testkit';

/** What the fakes of push services show for localhost, and who signed it. */
export interface LocalTls {
  key: string;
  cert: string;
  authorities: string;
}

export async function localTls(): Promise<LocalTls> {
  const now = Date.now();
  const authority = await createAuthority({ commonName: 'House', now });
  const certificate = await issueCertificate(authority, {
    commonName: 'push',
    usage: 'server',
    names: ['localhost', '127.0.0.1'],
    now,
  });
  return { key: certificate.keyPem, cert: certificate.certificatePem, authorities: authority.certificatePem };
}

/** @returns the port on this machine. */
export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
